// The second half of a prune: what is deleted, or would be, once it is known
// what is kept.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/tree_graph.h"
#include "prune_policy.h"
#include "prune_tally.h"

namespace ostree {

struct PruneResult {
  uint64_t total = 0, pruned = 0, bytes = 0;
  std::optional<PruneTally> tally;  // with rules

  void Fields(auto&& field) {
    field("total", total);
    field("pruned", pruned);
    field("bytes", bytes);
    field("tally", tally);
  }
};

// libostree's set of the objects that are kept.
Shared<GHashTable> ReachableTable(const KeptCommits& commits, const TreeObjects& objects);

// Each object that Sweep() would delete, with its size.
using VisitUnreachable = std::function<void(OstreeObjectType type, const char* checksum, uint64_t size)>;
void ForEachUnreachable(OstreeRepo* repo, GHashTable* reachable, const VisitUnreachable& visit,
                        GCancellable* cancellable);

// What Sweep() would do. Deletes nothing, where libostree's own dry run deletes static deltas.
PruneResult CountSweep(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable);
// The repository is locked.
PruneResult Sweep(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable);

}  // namespace ostree
