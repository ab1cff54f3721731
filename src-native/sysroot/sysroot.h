// A sysroot as JS holds it: libostree's object and the one thread it lives on.
// The thread is its own because a booted system's read-only /sysroot is made
// writable in a mount namespace of that thread only.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "core/async.h"
#include "repo/repo.h"

namespace ostree {

class Sysroot {
 public:
  static constexpr napi_type_tag kTag = {0x1b7f04c95ad2e638, 0x94c3e8507f1a6bd2};
  static constexpr const char* kName = "sysroot";
  static constexpr bool kDropOnJsThread = false;

  explicit Sysroot(std::string path);  // absolute

  const std::string& path() const { return path_; }
  // Its repository; opened with it.
  const std::shared_ptr<Repo>& repo() const { return repo_; }

  // Where work on it runs: all of it on its own thread.
  std::shared_ptr<Executor> Work() const { return thread_; }
  // The same, once nothing else of this process works on the repository for
  // long: what writes deployments also prunes.
  std::shared_ptr<Executor> Change(const std::string& what) const;

  // What follows is for its own thread.
  void Open(GCancellable* cancellable);
  void Close();  // idempotent; gives the lock up, and ends the thread
  // The deployments as they are on disk now.
  OstreeSysroot* Load(GCancellable* cancellable);
  // The same for what changes them, which must hold the lock.
  OstreeSysroot* LoadForChange(GCancellable* cancellable);
  // Without looking at the disk.
  OstreeSysroot* get() const;
  // libostree's own handle of the repository.
  OstreeRepo* repo_handle() const { return ostree_sysroot_repo(get()); }

 private:
  struct State;

  const std::string path_;
  const std::shared_ptr<DedicatedThread> thread_;  // it drops the state, so ours goes first
  const std::shared_ptr<State> state_;
  std::shared_ptr<Repo> repo_;
};

// "path" of the arguments, which must be absolute.
std::string AbsolutePath(Args& args);

Napi::Value SysrootOpen(const Napi::CallbackInfo& info);
Napi::Value SysrootReload(const Napi::CallbackInfo& info);
Napi::Value SysrootClose(const Napi::CallbackInfo& info);

}  // namespace ostree
