#include "transaction.h"

namespace ostree {
namespace {

struct BegunTransaction {
  std::shared_ptr<Transaction> transaction;
  OpenedRepo repo;

  void Fields(auto&& field) {
    field("transaction", transaction);
    field("repo", repo);
  }
};

}  // namespace

// ostree_repo_prepare_transaction
Napi::Value TransactionBegin(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto fsync = args.Next<std::optional<bool>>("fsync");
  return Async(args, repo->SharedWork("a transaction"), [repo, fsync](Job& job) {
    auto transaction = std::make_shared<Transaction>(*repo, fsync, job);
    // Whoever works through it keeps it open: dropped, it aborts on another thread than what runs on its
    // handle.
    std::shared_ptr<Executor> strand(transaction, transaction->strand.get());
    auto view =
        std::make_shared<Repo>(*repo, transaction->open->shared_handle(), strand, Repo::Holds::kTransaction);
    transaction->view = view;
    return BegunTransaction{transaction, {view, view->Info()}};
  });
}

// ostree_repo_write_commit; where it is for a branch, that moves at the end.
Napi::Value TransactionWriteCommit(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  auto spec = args.Next<CommitSpec>("spec");
  auto metadata = NextCommitMetadata(args);
  return Async(args, transaction->strand, [transaction, spec, metadata](Job& job) {
    if (spec.fsync.value_or(false)) ostree_repo_set_disable_fsync(transaction->handle(), FALSE);
    auto parent = ParentOf(transaction->handle(), spec, job.cancellable());
    auto result = WriteCommit(transaction->handle(), spec, parent, metadata, job);
    transaction->stats.Add(result.stats);
    if (result.consumption) transaction->consumptions.push_back(std::exchange(result.consumption, nullptr));
    for (const auto& update : UpdatesOf(spec, parent, result)) transaction->refs.push_back(update);
    return result;
  });
}

// ostree_repo_transaction_set_refspec, ostree_repo_transaction_set_collection_ref: at the end, and checked
// then again
Napi::Value TransactionSetRef(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  auto update = args.Next<RefUpdate>("target");
  return Async(args, transaction->strand, [transaction, update](Job& job) {
    CheckUpdate(transaction->handle(), update, job.cancellable());
    transaction->refs.push_back(update);
  });
}

// ostree_repo_commit_transaction
Napi::Value TransactionCommit(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  return Async(args, transaction->strand, [transaction](Job& job) {
    transaction->handle();
    auto place =
        std::exchange(transaction->ticket, nullptr);  // given up however this ends, and after the handle
    auto open = std::exchange(transaction->open, nullptr);
    transaction->strand->LetContextGo();
    open->Commit(transaction->refs, job.cancellable());
    for (const auto& taken : transaction->consumptions) transaction->stats.Consume(taken.get());
    return transaction->stats;
  });
}

// ostree_repo_abort_transaction: of one that was committed, what is left is closed
Napi::Value TransactionAbort(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  return Async(args, transaction->strand, [transaction](Job&) {
    transaction->open.reset();
    if (auto view = transaction->view.lock()) view->Close();
    transaction->ticket.reset();
    transaction->strand->LetContextGo();
  });
}

}  // namespace ostree
