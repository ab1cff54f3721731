#include "open_transaction.h"

#include "repo_lock.h"
#include "summary_commits.h"

namespace ostree {
namespace {

// Between making its directory and opening it, libostree does not hold it: another process may take it for
// one that was left behind, use it, and remove it. It looks for another only where it cannot lock it.
bool LostItsDirectory(const Failure& failure) {
  return failure.Is("NOT_FOUND") && failure.message.find("opendir(staging-") != std::string::npos;
}

constexpr int kMostDirectories = 100;

void Prepare(OstreeRepo* repo, GCancellable* cancellable) {
  for (int tried = 1;; tried++) {
    try {
      Try(ostree_repo_prepare_transaction, repo, nullptr, cancellable);
      return;
    } catch (const Failure& failure) {
      if (!LostItsDirectory(failure) || tried == kMostDirectories) throw;
    }
  }
}

}  // namespace

// ostree_repo_prepare_transaction
OpenTransaction::OpenTransaction(const Repo& repo, std::optional<bool> fsync, GCancellable* cancellable)
    : gate_(repo.gate()),
      handle_(repo.OpenWriter(cancellable)),
      disabled_fsync_(ostree_repo_get_disable_fsync(handle())) {
  Try(ostree_repo_is_writable, handle());
  if (repo.in_transaction())
    throw Failure("LOCKED",
                  "This repository is that of a transaction, and libostree allows one a handle; use "
                  "the transaction itself");
  WaitForRepoLock(repo, handle(), OSTREE_REPO_LOCK_SHARED, cancellable);
  if (fsync) ostree_repo_set_disable_fsync(handle(), !*fsync);
  try {
    Prepare(handle(), cancellable);
  } catch (const Failure&) {
    Abort();
    throw;
  }
  held_.emplace(handle());
}

OpenTransaction::~OpenTransaction() { Abort(); }

// ostree_repo_commit_transaction
void OpenTransaction::Commit(const std::vector<RefUpdate>& refs, GCancellable* cancellable) {
  try {
    auto lock = gate_->LockRefs();
    for (const auto& update : refs) CheckUpdate(handle(), update, cancellable);
    if (!refs.empty()) CheckAutoSummary(handle(), refs, cancellable);
    ThrowIfCancelled(cancellable);
    if (held_) held_->Write(nullptr);
    for (const auto& update : refs) SetRefInTransaction(handle(), update);
    Try(ostree_repo_commit_transaction, handle(), nullptr, nullptr);
  } catch (const Failure&) {
    Abort();
    throw;
  }
  Abort();  // what is left to do is the same
}

// ostree_repo_abort_transaction: of a transaction that has ended, it does nothing.
void OpenTransaction::Abort() noexcept {
  if (!std::exchange(open_, false)) return;
  held_.reset();
  try {
    Try(ostree_repo_abort_transaction, handle(), nullptr);
  } catch (const Failure&) {
    // Its files stay behind for the next transaction to take over; there is nobody to tell.
  }
  ostree_repo_set_disable_fsync(handle(), disabled_fsync_);
}

}  // namespace ostree
