// Static deltas by name: FROM-TO, or TO for one from nothing, each a checksum in
// hex; and where a repository keeps them: deltas/ab/cdef… in its own base64.
#pragma once

#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

struct DeltaName {
  std::string name;
  Nullable<std::string> from;
  std::string to;

  void Fields(auto&& field) {
    field("name", name);
    field("from", from);
    field("to", to);
  }
};

DeltaName MakeDeltaName(const Nullable<std::string>& from, const std::string& to);
// INVALID_ARGUMENT when it is none.
DeltaName ParseDeltaName(const std::string& name);

// Relative to the repository: "deltas/ab/cdef…", and the directory it is in.
std::string DeltaPath(const DeltaName& name);
std::string DeltaParent(const DeltaName& name);
std::string DeltaIndexPath(const std::string& to);
bool HasDelta(OstreeRepo* repo, const DeltaName& name);

// Sorted by name. What is in the directory and has no name of a delta is left out.
std::vector<DeltaName> ListDeltas(OstreeRepo* repo, GCancellable* cancellable);
// The commits that there is an index for.
std::vector<std::string> ListDeltaIndexes(OstreeRepo* repo, GCancellable* cancellable);
// For functions of libostree that list deltas themselves: they read beyond the end of a directory's name that
// is too short. Fails with CORRUPT and the path.
void CheckDeltaNames(OstreeRepo* repo, GCancellable* cancellable);

}  // namespace ostree
