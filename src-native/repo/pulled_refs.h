// Which refs a pull moved: libostree does not tell, so they are read before and after.
#pragma once

#include "pull_options.h"

namespace ostree {

struct PulledRef {
  std::string ref;
  std::optional<std::string> remote, collectionId;
  Nullable<std::string> before, after;  // null: not there

  void Fields(auto&& field) {
    field("ref", ref);
    field("remote", remote);
    field("collectionId", collectionId);
    field("old", before);
    field("new", after);
  }
};

class PulledRefs {
 public:
  // Before the pull.
  PulledRefs(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable);
  // After it.
  std::vector<PulledRef> Compare(OstreeRepo* repo, GCancellable* cancellable) const;

  // The names asked for; empty when all of a mirror's are.
  const std::vector<std::string>& names() const { return names_; }

 private:
  // Collection id (empty: none) and name, to checksum.
  using Table = std::map<std::pair<std::string, std::string>, std::string>;
  Table Read(OstreeRepo* repo, const std::vector<std::string>& names, GCancellable* cancellable) const;

  std::vector<std::string> names_;
  std::optional<std::string> remote_;  // whose refs they are here
  bool mirror_ = false;
  Table before_;
};

}  // namespace ostree
