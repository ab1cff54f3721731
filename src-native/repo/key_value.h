// A key of a section of a config file. As lists: in an object of JS, the name "__proto__" would be lost.
#pragma once

#include <string>

namespace ostree {

struct KeyValue {
  std::string key, value;

  void Fields(auto&& field) {
    field("key", key);
    field("value", value);
  }
};

}  // namespace ostree
