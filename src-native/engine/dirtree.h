// The dirtree object of a directory.
#pragma once

#include "core/ptr.h"
#include "engine/tree.h"

namespace ostree {

// Of a directory whose files and directories are settled.
Shared<GVariant> DirTree(const TreeDir& dir);

}  // namespace ostree
