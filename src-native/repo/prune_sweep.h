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

// The objects that stay.
struct KeptObjects {
  const KeptCommits& commits;
  TreeObjects trees;

  bool Has(const ObjectId& object) const;
};

// Each object that Sweep() would delete, with its size.
using VisitUnreachable = std::function<void(const ObjectId& object, uint64_t size)>;
void ForEachUnreachable(OstreeRepo* repo, const KeptObjects& kept, const VisitUnreachable& visit,
                        GCancellable* cancellable);

// What Sweep() would do. Deletes nothing, where libostree's own dry run deletes static deltas.
PruneResult CountSweep(OstreeRepo* repo, const KeptObjects& kept, bool commit_only,
                       GCancellable* cancellable);
// The repository is locked.
PruneResult Sweep(OstreeRepo* repo, const KeptObjects& kept, bool commit_only, GCancellable* cancellable);

}  // namespace ostree
