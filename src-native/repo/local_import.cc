#include "local_import.h"

#include <mutex>

#include "engine/batches.h"
#include "open_transaction.h"
#include "pull.h"
#include "pull_progress.h"

namespace ostree {
namespace {

// Below this, libostree's way is fast.
constexpr size_t kMany = 1000;
// Progress is told so often.
constexpr uint32_t kStep = 256;

// Not where the pull may refuse the commit, or is to do something else with each object.
bool MayImport(const PullOptions& options, OstreeRepo* handle) {
  bool may_refuse = options.overrideRemoteName || options.gpgVerify || options.gpgVerifySummary ||
                    options.timestampCheck || options.timestampCheckFromRev;
  bool is_plain = !options.bareUserOnlyFiles && !options.perObjectFsync && !options.dryRun;
  return options.from_file() && is_plain && !may_refuse && !InTransaction(handle);
}

// ostree_repo_import_object_from_with_trust: whether it was not there yet.
bool Import(OstreeRepo* repo, OstreeRepo* source, const Checksum& file, bool trusted,
            GCancellable* cancellable) {
  auto checksum = file.Hex();
  gboolean is_here = FALSE;
  Try(ostree_repo_has_object, repo, OSTREE_OBJECT_TYPE_FILE, checksum.c_str(), &is_here, cancellable);
  if (is_here) return false;
  Try(ostree_repo_import_object_from_with_trust, repo, source, OSTREE_OBJECT_TYPE_FILE, checksum.c_str(),
      trusted, cancellable);
  return true;
}

}  // namespace

uint32_t ImportAhead(const Repo& repo, OstreeRepo* handle, const LocalSource& source,
                     const PullOptions& options, Job& job) {
  if (source.files.size() < kMany || !MayImport(options, handle)) return 0;
  std::mutex mutex;  // so that what is told only grows
  uint32_t imported = 0;
  try {
    OpenTransaction transaction(repo, std::nullopt, job.cancellable());
    RunInBatches(source.files.size(), job.cancellable(), [&](size_t i) {
      if (!Import(transaction.handle(), source.repo.get(), source.files[i], options.trusted,
                  job.cancellable()))
        return;
      std::lock_guard lock(mutex);
      if (++imported % kStep != 0 || !job.wants_progress()) return;
      PullState state;
      state.phase = "objects";
      state.contentImported = imported;
      Report(job, state);
    });
    transaction.Commit({}, job.cancellable());
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED")) throw;
    return 0;
  }
  return imported;
}

}  // namespace ostree
