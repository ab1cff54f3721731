// Every name that keeps a commit: what fsck checks and prune starts from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/failure.h"
#include "engine/checksum.h"

namespace ostree {

struct KeptRef {
  std::string refspec;  // "remote:ref", or "ref"
  std::string ref;
  std::optional<std::string> collection;  // of a ref listed by its collection
  std::string target;                     // what the ref says: a checksum, unless it is damaged

  std::string Print() const;  // as libostree does: "main", "(org.example.Os, main)"
};

// Refs of this repository and its remotes, and then those of collections, mirrored ones among them. The local
// refs of a repository with a collection id are in both parts, as in libostree's own lists.
std::vector<KeptRef> ListKeptRefs(OstreeRepo* repo, GCancellable* cancellable);

}  // namespace ostree
