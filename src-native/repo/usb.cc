#include "usb.h"

#include "core/validate.h"
#include "delta_names.h"
#include "pull.h"
#include "pull_failure.h"
#include "pull_local.h"
#include "pull_progress.h"
#include "repo_lock.h"
#include "summary_commits.h"

namespace ostree {
namespace {

// As `ostree create-usb`, whatever the file system: an archive needs neither attributes nor owners.
void CreateArchive(const std::string& path, GCancellable* cancellable) {
  CheckPath(path, "path");
  Shared<OstreeRepo>::Take(
      Try(ostree_repo_create_at, AT_FDCWD, path.c_str(), OSTREE_REPO_MODE_ARCHIVE, nullptr, cancellable));
}

void PullRefs(const Repo& target, OstreeRepo* handle, const PullOptions& options, Job& job) {
  std::vector<std::string> names;
  for (const auto& ref : options.collectionRefs) names.push_back(ref.ref);
  WaitForRepoLock(target, handle, OSTREE_REPO_LOCK_SHARED, job.cancellable(), kLockTimeout);
  auto variant = ToVariant(options, /* inherit_transaction */ false);
  GpgReasons gpg(handle);
  PullProgress progress(job, {}, Stalled(options));
  try {
    Try(ostree_repo_pull_with_options, handle, options.source.c_str(), variant.get(), progress.get(),
        job.cancellable());
  } catch (Failure& failure) {
    ExplainPullFailure(failure, handle, options, names, gpg);
    throw;
  }
  progress.Finish();
}

}  // namespace

// ostree_repo_create_at, ostree_repo_pull_with_options, ostree_repo_regenerate_summary
Napi::Value UsbCopy(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto spec = args.Next<RepoSpec>("spec");
  auto options = args.Next<PullOptions>("options");
  return Async(args, repo->SharedWork("copying to a medium"), [spec, options](Job& job) {
    CheckPullOptions(options);
    CreateArchive(spec.path, job.cancellable());
    Repo target(spec, job.cancellable());
    auto handle = target.OpenWriter(job.cancellable());
    Try(ostree_repo_is_writable, handle.get());
    auto all = WithLocalDefaults(options, handle.get(), job.cancellable());
    CheckAutoSummary(handle.get(), {}, job.cancellable());
    PullRefs(target, handle.get(), all, job);
    CheckSummaryCommits(handle.get(), job.cancellable());
    CheckDeltaNames(handle.get(), job.cancellable());
    // It is where others look up which commits there are.
    Try(ostree_repo_regenerate_summary, handle.get(), nullptr, job.cancellable());
  });
}

}  // namespace ostree
