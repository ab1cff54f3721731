// What a prune frees, by kind, and the static deltas that nobody will ask for
// any more: the part of retain() that prune() does not have.
#pragma once

#include "delta_names.h"
#include "prune_policy.h"

namespace ostree {

struct KeptObjects;

struct Freed {
  uint64_t count = 0, bytes = 0;

  void Add(uint64_t size) {
    count++;
    bytes += size;
  }
  void Fields(auto&& field) {
    field("count", count);
    field("bytes", bytes);
  }
};

struct PruneTally {
  std::vector<std::string> kept, commits, deltaNames;  // commits kept and removed, deltas removed
  Freed commitObjects, metadata, files, deltas;

  void Fields(auto&& field) {
    field("kept", kept);
    field("commits", commits);
    field("deltaNames", deltaNames);
    field("commitObjects", commitObjects);
    field("metadata", metadata);
    field("files", files);
    field("deltas", deltas);
  }
};

// Before anything is deleted. `deltas` are those that will be.
PruneTally TallyPrune(OstreeRepo* repo, const KeptObjects& kept, const std::vector<DeltaName>& deltas,
                      GCancellable* cancellable);

// Deltas to commits that are not kept or, with `heads_only`, that no ref names.
std::vector<DeltaName> StaleDeltas(OstreeRepo* repo, const KeptCommits& commits, bool heads_only,
                                   GCancellable* cancellable);
// Of all its files, in bytes.
uint64_t DeltaSize(OstreeRepo* repo, const DeltaName& name);
// They may be gone already. All deltas to a commit go together, so its index goes, too.
void RemoveDeltas(OstreeRepo* repo, const std::vector<DeltaName>& deltas);

}  // namespace ostree
