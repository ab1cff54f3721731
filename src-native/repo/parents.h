// The repositories that a repository falls back to (core.parent).
#pragma once

#include <string>

namespace ostree {

// Opening a repository opens its parent, and so on: fails with CORRUPT where that would never end.
// With `child`, the first one is to become the parent of that repository.
void CheckParents(const std::string& path, const std::string& child = "");

}  // namespace ostree
