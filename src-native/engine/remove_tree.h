// rm -rf, by descriptors: no symbolic link is followed, and no depth is too deep.
#pragma once

#include <string>

#include "core/ptr.h"
#include "engine/metadata.h"

namespace ostree {

// Removes what `name` is in this directory, if it is there. `path` is for errors.
void RemoveTree(int dir, const std::string& name, const PathName& path, GCancellable* cancellable);

}  // namespace ostree
