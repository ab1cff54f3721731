// A transaction of libostree, open as long as this object: on a handle of its
// own, aborted unless it was committed.
#pragma once

#include <optional>
#include <vector>

#include "detached.h"
#include "ref_update.h"
#include "repo.h"

namespace ostree {

class OpenTransaction {
 public:
  // Waits for the shared lock. `fsync` overrides what the repository was opened with.
  OpenTransaction(const Repo& repo, std::optional<bool> fsync, GCancellable* cancellable);
  ~OpenTransaction();
  OpenTransaction(const OpenTransaction&) = delete;

  OstreeRepo* handle() const { return handle_.get(); }
  const Shared<OstreeRepo>& shared_handle() const { return handle_; }
  bool is_open() const { return open_; }

  // Checks all updates, then ends the transaction with all of them. Once the
  // objects begin to move it is not cancelled any more: half the refs might have
  // moved. Whatever it fails with, the transaction has ended.
  void Commit(const std::vector<RefUpdate>& refs, GCancellable* cancellable);
  void Abort() noexcept;

 private:
  const std::shared_ptr<Gate> gate_;
  const Shared<OstreeRepo> handle_;
  const bool disabled_fsync_;  // before; a view's handle lives on
  std::optional<HeldDetached> held_;
  bool open_ = true;
};

}  // namespace ostree
