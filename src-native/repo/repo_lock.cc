#include "repo_lock.h"

#include <fcntl.h>

#include <algorithm>

#include "core/pause.h"

namespace ostree {
namespace {

using Clock = std::chrono::steady_clock;

// The description of an open file owns this kind of lock, so asking by a
// descriptor of our own tells of all other holders, and takes nothing.
bool IsFree(int lock_file, OstreeRepoLockType type) {
  struct flock lock = {};
  lock.l_type = type == OSTREE_REPO_LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(lock_file, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK;
}

Failure HeldByOthers(const Repo& repo) {
  Failure failure("LOCKED", "Another process holds the lock of the repository " + repo.spec().path +
                                "; wait for it to end");
  failure.path = repo.spec().path;
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert(&details, "holder", "s", "other-process");
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
  return failure;
}

}  // namespace

void WaitForRepoLock(const Repo& repo, OstreeRepo* handle, OstreeRepoLockType type, GCancellable* cancellable,
                     std::chrono::milliseconds timeout) {
  if (repo.is_view()) return;  // the handle holds a lock itself: we would wait for ourselves
  Fd lock_file(openat(ostree_repo_get_dfd(handle), ".lock", O_RDWR | O_CLOEXEC));
  if (!lock_file) return;  // not there yet, or not ours to write: libostree decides
  if (IsFree(lock_file.get(), type)) return;
  OwnThreads::Waiting waiting;
  auto deadline = Clock::now() + timeout;
  auto pause = std::chrono::milliseconds(1);
  while (!IsFree(lock_file.get(), type)) {
    if (Clock::now() >= deadline) throw HeldByOthers(repo);
    Pause(pause, cancellable);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

RepoLockGuard::RepoLockGuard(const Repo& repo, Shared<OstreeRepo> handle, OstreeRepoLockType type,
                             GCancellable* cancellable, std::chrono::milliseconds timeout)
    : handle_(std::move(handle)), type_(type) {
  WaitForRepoLock(repo, handle_.get(), type, cancellable, timeout);
  try {
    Try(ostree_repo_lock_push, handle_.get(), type, cancellable);
  } catch (const Failure& failure) {
    if (failure.Is("LOCKED")) throw HeldByOthers(repo);
    throw;
  }
}

RepoLockGuard::~RepoLockGuard() {
  try {
    Try(ostree_repo_lock_pop, handle_.get(), type_, nullptr);
  } catch (const Failure&) {
    // Unlocking fails only when the descriptor is no longer there; there is nobody to tell.
  }
}

namespace {

// A lock that JS holds: our place at the gate, libostree's lock, and the view
// of the repository whose work runs under it.
struct HeldLock {
  static constexpr napi_type_tag kTag = {0x6e15b2d07c3a4f98, 0xb7d4906e52f18ac3};
  static constexpr const char* kName = "lock";
  static constexpr bool kDropOnJsThread = false;

  std::shared_ptr<void> ticket;
  std::unique_ptr<RepoLockGuard> guard;
  std::shared_ptr<Strand> strand;
  std::shared_ptr<Repo> view;  // closed with the lock: not everybody who takes one works through it
};

struct LockedRepo {
  std::shared_ptr<HeldLock> lock;
  OpenedRepo repo;
  void Fields(auto&& field) {
    field("lock", lock);
    field("repo", repo);
  }
};

}  // namespace

// ostree_repo_lock_push
Napi::Value RepoLock(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  bool exclusive = args.Next<bool>("exclusive");
  std::chrono::milliseconds timeout(args.Next<int64_t>("timeout"));
  auto executor = exclusive ? repo->ExclusiveWork("an exclusive lock") : repo->SharedWork("a shared lock");
  return Async(args, executor, [repo, exclusive, timeout](Job& job) {
    auto type = exclusive ? OSTREE_REPO_LOCK_EXCLUSIVE : OSTREE_REPO_LOCK_SHARED;
    auto handle = repo->OpenWriter(job.cancellable());
    auto lock = std::make_shared<HeldLock>();
    lock->guard = std::make_unique<RepoLockGuard>(*repo, handle, type, job.cancellable(), timeout);
    lock->ticket = job.ticket();
    lock->strand = std::make_shared<Strand>();
    lock->strand->KeepContext();
    lock->view = std::make_shared<Repo>(*repo, handle, lock->strand);
    return LockedRepo{lock, {lock->view, lock->view->Info()}};
  });
}

// ostree_repo_lock_pop
Napi::Value RepoLockRelease(const Napi::CallbackInfo& info) {
  Args args(info);
  auto lock = args.Handle<HeldLock>("lock");
  return Async(args, lock->strand, [lock](Job&) {
    lock->guard.reset();
    lock->view->Close();
    lock->ticket.reset();
    lock->strand->LetContextGo();
  });
}

}  // namespace ostree
