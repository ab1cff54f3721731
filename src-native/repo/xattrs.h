// Extended attributes as JS gets them.
#pragma once

#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

struct Xattr {
  std::string name;
  Bytes value;

  void Fields(auto&& field) {
    field("name", name);
    field("value", value);
  }
};

// From an a(ayay), whose names end with a NUL.
std::vector<Xattr> XattrList(GVariant* xattrs);

}  // namespace ostree
