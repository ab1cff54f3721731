// The second half of a prune: what is deleted, or would be, once it is known
// what is kept.
#pragma once

#include <cstdint>

#include "engine/tree_graph.h"
#include "prune_policy.h"

namespace ostree {

struct PruneResult {
  uint64_t total = 0, pruned = 0, bytes = 0;

  void Fields(auto&& field) {
    field("total", total);
    field("pruned", pruned);
    field("bytes", bytes);
  }
};

// libostree's set of the objects that are kept.
Shared<GHashTable> ReachableTable(const KeptCommits& commits, const TreeObjects& objects);

// What Sweep() would do. Deletes nothing, where libostree's own dry run deletes static deltas.
PruneResult CountSweep(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable);
// The repository is locked.
PruneResult Sweep(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable);

}  // namespace ostree
