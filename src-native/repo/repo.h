// One repository as JS holds it: how to open it, the handle that only reads,
// and where each kind of work on it runs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/async.h"
#include "core/gate.h"

namespace ostree {

struct RepoSpec {
  std::string path;  // absolute
  std::optional<std::string> cacheDir, remotesConfigDir;
  bool fsync = true;

  void Fields(auto&& field) {
    field("path", path);
    field("cacheDir", cacheDir);
    field("remotesConfigDir", remotesConfigDir);
    field("fsync", fsync);
  }
};

// What JS shows of a repository without asking again.
struct RepoInfo {
  std::string path, mode;
  Nullable<std::string> collectionId, parent;
  bool writable = false;

  void Fields(auto&& field) {
    field("path", path);
    field("mode", mode);
    field("collectionId", collectionId);
    field("parent", parent);
    field("writable", writable);
  }
};

class Repo {
 public:
  static constexpr napi_type_tag kTag = {0x3f6d20a9c1b84e57, 0x8a04e1d7265bc390};
  static constexpr const char* kName = "repository";
  static constexpr bool kDropOnJsThread = false;
  using Opener = std::function<Shared<OstreeRepo>(GCancellable*)>;

  // Opens what `spec` says, by `opener` where a path is not the way (a sysroot's repository).
  Repo(RepoSpec spec, GCancellable* cancellable, Opener opener = nullptr);
  // A view through one handle that already holds a lock or a transaction: all its
  // work runs on that handle, one operation at a time, past the gate.
  enum class Holds { kLock, kTransaction };
  Repo(const Repo& parent, Shared<OstreeRepo> handle, std::shared_ptr<Executor> strand,
       Holds holds = Holds::kLock);

  const RepoSpec& spec() const { return spec_; }
  const std::shared_ptr<Gate>& gate() const { return gate_; }
  bool is_view() const { return strand_ != nullptr; }
  // What begins a transaction itself, or ends one when it fails, must refuse to run on such a view.
  bool in_transaction() const { return in_transaction_; }

  // The handle for reading. It never has a transaction, so reads may run side by side.
  Shared<OstreeRepo> reader() const;
  // A handle for one writer: libostree allows one transaction a handle.
  Shared<OstreeRepo> OpenWriter(GCancellable* cancellable) const;
  // Closes its descriptors, once nothing uses it any more.
  void Close();
  // Makes the reader see a changed config.
  void Reload(GCancellable* cancellable);
  // Before a handle gets this config: fails where libostree would then end the process over its lock.
  void CheckConfig(GKeyFile* config) const;
  RepoInfo Info() const;

  // Where work on it runs.
  std::shared_ptr<Executor> ReadWork() const;                            // short reads
  std::shared_ptr<Executor> SharedReads(const std::string& what) const;  // short reads, while nobody is alone
  std::shared_ptr<Executor> SharedWork(const std::string& what) const;   // long work that others may do too
  std::shared_ptr<Executor> ExclusiveWork(const std::string& what) const;  // alone in this process
  // Commits to one branch, one after another; to none ("") side by side.
  std::shared_ptr<Executor> BranchWork(const std::string& branch) const;
  // Read-modify-write (config, remotes, refs, detached metadata): a queue, for two handles lose updates.
  std::shared_ptr<Executor> UpdateWork() const;
  // Waits for a server, and for nobody here: cancelled, it ends at once for JS while its request goes on.
  std::shared_ptr<Executor> PeerWork() const;

 private:
  template <class T>
  T WhileOpen(const T& part) const;

  const RepoSpec spec_;
  const std::shared_ptr<Executor> strand_;  // of a view
  const bool in_transaction_ = false;
  const bool has_lock_ = false;  // a view: whether libostree has counted its lock, which core.locking decides
  mutable std::mutex mutex_;
  Opener opener_;  // null once it is closed, and the reader, too
  Shared<OstreeRepo> reader_;
  std::shared_ptr<Gate> gate_;
};

// What opening resolves to.
struct OpenedRepo {
  std::shared_ptr<Repo> handle;
  RepoInfo info;
  void Fields(auto&& field) {
    field("handle", handle);
    field("info", info);
  }
};

Napi::Value RepoOpen(const Napi::CallbackInfo& info);
Napi::Value RepoCreate(const Napi::CallbackInfo& info);
Napi::Value RepoClose(const Napi::CallbackInfo& info);
Napi::Value RepoReload(const Napi::CallbackInfo& info);

}  // namespace ostree
