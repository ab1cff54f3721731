// What is different between two trees: by the rules of ostree_diff_dirs(), but
// on all cores, and with the reasons.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/compare_side.h"

namespace ostree {

struct Difference {
  enum Aspect : unsigned { kType = 1, kContent = 2, kTarget = 4, kMode = 8, kOwner = 16, kXattrs = 32 };
  struct Version {
    DiskFile file;
    std::optional<Checksum> checksum;  // of the content object, where it is a commit's
  };

  std::string path;
  std::optional<Version> from, to;  // both: it was modified
  unsigned aspects = 0;             // a set of Aspect
};

// Sorted by the bytes of their paths. Of a directory that was added all that is in it is among them; of one
// that was removed, or became something else, only itself. What differs at the roots themselves is not told.
std::vector<Difference> Compare(Side& from, Side& to, GCancellable* cancellable);

}  // namespace ostree
