// What a dirtree refers to, where it is certainly as ostree_validate_structureof_dirtree()
// wants it, told from its bytes: GVariant makes objects of every entry to tell the same.
#pragma once

#include <cstddef>
#include <optional>

#include "engine/links.h"

namespace ostree {

// Nothing: it may be sound all the same; libostree has to be asked, which also says what is wrong.
std::optional<TreeLinks> ParseSoundDirTree(const void* data, size_t size);

}  // namespace ostree
