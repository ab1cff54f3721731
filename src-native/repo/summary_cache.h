// The summaries that libostree keeps of remotes, so as not to fetch one again whose signature is the same.
#pragma once

#include <string>

#include "repo.h"

namespace ostree {

// What comes from a remote whose summary nobody verifies: libostree would go on using it, whatever the server
// says later, for as long as the file of signatures beside it stays as it is. So one false answer would last.
// Nothing is kept: neither what was there before, nor at the end what came.
class UnverifiedSummary {
 public:
  UnverifiedSummary(const Repo& repo, OstreeRepo* handle, std::string remote);
  ~UnverifiedSummary();
  UnverifiedSummary(const UnverifiedSummary&) = delete;

 private:
  void Forget(const char* suffix) const;

  const std::string remote_;
  const std::string directory_;  // relative to `at_`
  const int at_;
};

}  // namespace ostree
