// Whether a dirtree is certainly as ostree_validate_structureof_dirtree() wants
// it, told from its bytes: GVariant makes objects of every entry to tell the same.
#pragma once

#include <cstddef>

namespace ostree {

// false: it may be sound all the same; libostree has to be asked, which also says what is wrong.
bool IsCertainlySoundDirTree(const void* data, size_t size);

}  // namespace ostree
