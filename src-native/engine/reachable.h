// The objects that a commit needs: what ostree_repo_traverse_commit() finds, but
// on all cores, and of verified metadata only.
#pragma once

#include <optional>
#include <vector>

#include "engine/tree_graph.h"

namespace ostree {

struct Reachable {
  std::vector<Checksum> commits;
  TreeObjects trees;

  std::vector<ObjectId> List() const;
};

// Of the commit and, as far as they are here, `depth` of its ancestors; all of them without a depth. What a
// partial commit lacks is no failure; what another lacks is NOT_FOUND, and what is damaged CORRUPT.
Reachable FindReachable(OstreeRepo* repo, const Checksum& commit, std::optional<uint64_t> depth,
                        GCancellable* cancellable);

}  // namespace ostree
