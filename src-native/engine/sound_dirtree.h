// What is in a dirtree, told from its bytes where it is certainly as ostree_validate_structureof_dirtree()
// wants it: GVariant makes objects of every entry to tell the same.
#pragma once

#include <glib.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checksum.h"

namespace ostree {

template <class Name>
struct DirEntries {
  struct File {
    Name name;
    Checksum checksum;
  };
  struct Dir {
    Name name;
    Checksum contents, metadata;
  };
  std::vector<File> files;
  std::vector<Dir> dirs;
};
using DirContents = DirEntries<std::string>;
using DirTreeView = DirEntries<std::string_view>;  // the names are the dirtree's own bytes

// Nothing: it may be sound all the same; libostree has to be asked, which also says what is wrong.
std::optional<DirTreeView> ParseSoundDirTree(const void* data, size_t size);

// Of one whose structure was checked.
DirTreeView ViewDirTree(GVariant* dirtree);

}  // namespace ostree
