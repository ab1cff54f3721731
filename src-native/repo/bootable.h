// What makes a commit bootable, as far as it is read from the tree that is committed.
#pragma once

#include "engine/write_tree.h"

namespace ostree {

// Looks at what ostree_commit_metadata_for_bootable() is going to read of a tree, the directories that
// kernels lie in: it believes whatever they say.
void CheckKernelDirectories(OstreeRepo* repo, const WrittenTree& tree, GCancellable* cancellable);

}  // namespace ostree
