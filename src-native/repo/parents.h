// The repositories that a repository falls back to (core.parent).
#pragma once

#include <ostree.h>

#include <string>

namespace ostree {

// Opening a repository opens its parent, and so on: fails with CORRUPT where that would never end.
// With `child`, the first one is to become the parent of that repository.
void CheckParents(const std::string& path, const std::string& child = "");

// Whether libostree would end the process over a file that only a parent has: it asserts that what a bare
// repository loads from its parent is bare, too.
bool HasArchiveAbove(OstreeRepo* repo);

}  // namespace ostree
