#include "fsck.h"

#include "fsck_check.h"
#include "repo.h"
#include "repo_lock.h"

namespace ostree {
namespace {

bool LacksParent(OstreeRepo* repo, const Checksum& commit, GCancellable* cancellable) {
  auto links = ParseCommit(LoadMetadata(repo, {OSTREE_OBJECT_TYPE_COMMIT, commit}).get());
  if (!links.parent) return false;
  gboolean there = FALSE;
  Try(ostree_repo_has_object, repo, OSTREE_OBJECT_TYPE_COMMIT, links.parent->Hex().c_str(), &there,
      cancellable);
  return !there;
}

}  // namespace

// ostree_repo_fsck_object, ostree_repo_mark_commit_partial_reason, ostree_repo_delete_object
Napi::Value FsckRun(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<FsckOptions>("options");
  auto executor = options.remove ? repo->ExclusiveWork("fsck that deletes") : repo->SharedWork("fsck");
  return Async(args, executor, [repo, options](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    auto type = options.remove ? OSTREE_REPO_LOCK_EXCLUSIVE : OSTREE_REPO_LOCK_SHARED;
    RepoLockGuard lock(*repo, handle, type, job.cancellable());
    auto news = std::make_shared<FsckNews>(job.wants_progress());
    auto report = [&job, news](FsckProgress progress) {
      job.Report([news, progress](Napi::Env env) -> Napi::Value {
        auto told = progress;
        told.found = news->Take();
        return ToJs(env, told);
      });
    };
    return FsckCheck(handle.get(), options, job.cancellable(), report, *news).Run();
  });
}

// ostree_repo_delete_object, with core.tombstone-commits set
Napi::Value FsckBury(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto commits = args.Next<std::vector<std::string>>("commits");
  return Async(args, repo->ExclusiveWork("fsck that adds tombstones"), [repo, commits](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_EXCLUSIVE, job.cancellable());
    std::vector<std::string> buried;
    for (const auto& commit : commits) {
      // It may have come meanwhile.
      if (!LacksParent(handle.get(), Checksum::FromHex(commit), job.cancellable())) continue;
      Try(ostree_repo_delete_object, handle.get(), OSTREE_OBJECT_TYPE_COMMIT, commit.c_str(),
          job.cancellable());
      buried.push_back(commit);
    }
    return buried;
  });
}

}  // namespace ostree
