// The summaries that libostree keeps of remotes, so as not to fetch one again whose signature is the same.
#pragma once

#include "own_directory.h"
#include "repo.h"

namespace ostree {

// For a summary that nobody verifies: libostree would go on using it, whatever the server says later, for as
// long as the file of signatures beside it stays as it is. So one false answer would last. Meanwhile the
// handle has a cache of its own, which is empty at first and removed at the end.
class UnverifiedSummary {
 public:
  UnverifiedSummary(const Repo& repo, OstreeRepo* handle);
  ~UnverifiedSummary();
  UnverifiedSummary(const UnverifiedSummary&) = delete;

 private:
  const Shared<OstreeRepo> handle_;
  const int at_;                     // what the paths are relative to
  const std::string usual_;          // the handle's cache before
  std::optional<OwnDirectory> own_;  // none: there is none
};

}  // namespace ostree
