// Directories of commits that are followed path by path, since each path may come to something else: a few
// objects can have more paths than there is time or memory for.
#pragma once

#include "core/ptr.h"
#include "engine/checksum.h"

namespace ostree {

class PathLimit {
 public:
  PathLimit(OstreeRepo* repo, GCancellable* cancellable) : repo_(repo), cancellable_(cancellable) {}

  // For every directory that is followed of the tree below `root`, which has so many entries. Fails with
  // TOO_LARGE where there are too many paths, and when cancelled.
  void Follow(const Checksum& root, size_t entries);

 private:
  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  uint64_t paths_ = 0;
  bool is_measured_ = false;
};

}  // namespace ostree
