#include "pull.h"

#include "cache_repos.h"
#include "core/main_context.h"
#include "core/succession.h"
#include "detached.h"
#include "keyring.h"
#include "local_import.h"
#include "pull_failure.h"
#include "pull_local.h"
#include "pull_progress.h"
#include "pulled_refs.h"
#include "remote_check.h"
#include "repo.h"
#include "repo_lock.h"
#include "summary_cache.h"
#include "summary_commits.h"

namespace ostree {

using std::chrono::milliseconds;

bool InTransaction(OstreeRepo* handle) { return HeldDetached::Of(handle) != nullptr; }

Failure Stalled(const PullOptions& options) {
  Failure failure("TIMED_OUT", "No data came from " + options.source + " for " +
                                   std::to_string(options.stallTimeout.value_or(0)) + " ms (stallTimeout)");
  failure.remote = options.source;
  return failure;
}

std::optional<milliseconds> StallTimeout(const PullOptions& options) {
  if (!options.stallTimeout) return {};
  return milliseconds(*options.stallTimeout);
}

namespace {

struct PullResult {
  std::vector<PulledRef> refs;
  PullState state;
  double elapsed = 0;  // milliseconds

  void Fields(auto&& field) {
    field("refs", refs);
    field("state", state);
    field("elapsed", elapsed);
  }
};

// The keyrings that signatures will be verified with, where any are.
void CheckTrust(const Repo& repo, OstreeRepo* handle, const PullOptions& options) {
  const auto& remote = options.overrideRemoteName.value_or(options.source);
  RemoteReader reader(handle, options.source);
  // Nothing of a directory is verified unless that is asked for.
  bool is_remote = !options.from_file();
  bool commits = options.gpgVerify.value_or(is_remote && reader.Flag("gpg-verify", true));
  bool summary = options.gpgVerifySummary.value_or(is_remote && SummaryRulesOf(reader).gpg);
  if (commits || summary) CheckKeyrings(repo, handle, remote);
  for (const auto& keyring : options.keyrings) CheckKeyrings(repo, handle, keyring.remote);
}

// Whether what the remote says of its refs has to be signed.
bool VerifiesSummary(OstreeRepo* handle, const PullOptions& options) {
  auto rules = SummaryRulesOf(RemoteReader(handle, options.source));
  return (rules.engine && !options.disableSignVerifySummary) || options.gpgVerifySummary.value_or(rules.gpg);
}

PullResult Run(const Repo& repo, OstreeRepo* handle, const LocalSource& source, const PullOptions& options,
               Job& job) {
  auto start = std::chrono::steady_clock::now();
  PulledRefs refs(handle, options, job.cancellable());
  GpgReasons gpg(handle);
  auto variant = ToVariant(OptionsFor(handle, options), InTransaction(handle));
  auto imported = ImportAhead(repo, handle, source, options, job);
  PullProgress progress(job, StallTimeout(options), Stalled(options), imported);
  try {
    Try(ostree_repo_pull_with_options, handle, options.source.c_str(), variant.get(), progress.get(),
        job.cancellable());
  } catch (Failure& failure) {
    ExplainPullFailure(failure, handle, options, refs.names(), gpg);
    if (!progress.asked_for_objects()) ExplainMissingRef(failure, handle, options, refs.names());
    throw;
  }
  PullResult result{{}, progress.Finish(), 0};
  if (!options.dryRun) result.refs = refs.Compare(handle, nullptr);
  result.elapsed =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

// ostree_repo_pull_with_options
Napi::Value Pull(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<PullOptions>("options");
  return Async(args, Abandonable(repo->SharedWork("a pull")), [repo, options](Job& job) {
    CheckPullOptions(options);
    return WithRemote(options.source, [&] {
      // Else it would begin anew beside a cancelled one, instead of going on with what that one fetched.
      Succession succession(repo->gate(), job.cancellable());
      auto handle = repo->OpenWriter(job.cancellable());
      Try(ostree_repo_is_writable, handle.get());
      CheckRemoteConfig(handle.get(), options.source);
      RequireDescriptors(kDescriptorsOfMany);
      WaitForRepoLock(*repo, handle.get(), OSTREE_REPO_LOCK_SHARED, job.cancellable(), kLockTimeout);
      auto all = WithLocalDefaults(options, handle.get(), job.cancellable());
      all = WithoutDamagedCaches(std::move(all), handle.get(), job.cancellable());
      CheckTrust(*repo, handle.get(), all);
      CheckAutoSummary(handle.get(), {}, job.cancellable());
      auto source = CheckLocalSource(handle.get(), all, job.cancellable());
      std::optional<UnverifiedSummary> unverified;
      if (!all.from_file() && !VerifiesSummary(handle.get(), all)) unverified.emplace(*repo, handle.get());
      return Run(*repo, handle.get(), source, all, job);
    });
  });
}

}  // namespace ostree
