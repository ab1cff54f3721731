// libostree's own lock on a repository, which other processes honour. Within
// the process the gate has let us in already, so whoever holds it is another.
#pragma once

#include <chrono>

#include "repo.h"

namespace ostree {

// libostree's default of core.lock-timeout-secs, as of 2022.7.
constexpr auto kLockTimeout = std::chrono::seconds(30);

class RepoLockGuard {
 public:
  // `handle` is the one that then works under the lock: repo.OpenWriter()'s.
  // Fails with LOCKED after the timeout, and with CANCELLED.
  RepoLockGuard(const Repo& repo, Shared<OstreeRepo> handle, OstreeRepoLockType type,
                GCancellable* cancellable, std::chrono::milliseconds timeout = kLockTimeout);
  ~RepoLockGuard();
  RepoLockGuard(const RepoLockGuard&) = delete;

 private:
  Shared<OstreeRepo> handle_;
  OstreeRepoLockType type_;
};

// For calls that take the lock themselves (a transaction, a pull): waits until
// they may have it, instead of libostree's wait in whole seconds.
void WaitForRepoLock(const Repo& repo, OstreeRepo* handle, OstreeRepoLockType type, GCancellable* cancellable,
                     std::chrono::milliseconds timeout = kLockTimeout);

// repo.lock()
Napi::Value RepoLock(const Napi::CallbackInfo& info);
Napi::Value RepoLockRelease(const Napi::CallbackInfo& info);

}  // namespace ostree
