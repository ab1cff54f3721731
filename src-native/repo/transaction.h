// Transactions that last over several calls: repo.begin().
#pragma once

#include "commit.h"
#include "open_transaction.h"

namespace ostree {

// A transaction that JS holds. All work on it runs on its strand, one operation
// at a time, so nothing of it needs a lock. Dropped unfinished, it aborts.
struct Transaction {
  static constexpr napi_type_tag kTag = {0x71c9e05b8d2f4a36, 0xa58d0f3c94e7b162};
  static constexpr const char* kName = "transaction";
  static constexpr bool kDropOnJsThread = false;

  Transaction(const Repo& repo, std::optional<bool> fsync, Job& job)
      : ticket(job.ticket()), open(std::make_unique<OpenTransaction>(repo, fsync, job.cancellable())) {
    strand->KeepContext();
  }

  // What each operation begins with: JS refuses calls after the end, but is not trusted to.
  OstreeRepo* handle() const {
    if (open && open->is_open()) return open->handle();
    throw Failure("CLOSED", "The transaction has ended");
  }

  std::shared_ptr<void> ticket;           // our place at the gate
  std::unique_ptr<OpenTransaction> open;  // null once it has ended
  std::vector<RefUpdate> refs;
  std::vector<std::shared_ptr<Consumption>> consumptions;  // of its commits, for the end
  CommitStats stats;
  std::weak_ptr<Repo> view;  // the repository as JS sees it within the transaction, which holds this
  const std::shared_ptr<Strand> strand = std::make_shared<Strand>();
};

Napi::Value TransactionBegin(const Napi::CallbackInfo& info);
Napi::Value TransactionWriteCommit(const Napi::CallbackInfo& info);
Napi::Value TransactionSetRef(const Napi::CallbackInfo& info);
Napi::Value TransactionCommit(const Napi::CallbackInfo& info);
Napi::Value TransactionAbort(const Napi::CallbackInfo& info);

}  // namespace ostree
