// What a pull that failed can tell beyond libostree's text: which ref, which
// object, what the server said, why signatures do not count.
#pragma once

#include "core/main_context.h"
#include "pull_options.h"

namespace ostree {

// Collects the results of GPG verification during a pull through `repo`.
class GpgReasons {
 public:
  explicit GpgReasons(OstreeRepo* repo);
  const std::vector<Shared<GVariant>>& reasons() const { return reasons_; }

 private:
  static void OnResult(OstreeRepo*, const char* checksum, OstreeGpgVerifyResult* result, gpointer self);

  std::vector<Shared<GVariant>> reasons_;  // a{sv}, as SignatureFailure
  const SignalHandler handler_;
};

// Completes `failure`, of a pull (or another request) from this remote.
void ExplainFetchFailure(Failure& failure, OstreeRepo* repo, const std::string& remote);
void ExplainPullFailure(Failure& failure, OstreeRepo* repo, const PullOptions& options,
                        const std::vector<std::string>& refs, const GpgReasons& gpg);

// The same of one that failed before it asked for objects: which refs the remote has not got, and what to do.
void ExplainMissingRef(Failure& failure, OstreeRepo* repo, const PullOptions& options,
                       const std::vector<std::string>& refs);

}  // namespace ostree
