// The native half of one asynchronous call: the work, its cancellable, its
// outcome. It is shared between threads and knows nothing of Node-API but the
// name of its environment; the JS half lives in JsThread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "failure.h"

namespace Napi {
class Env;
class Value;
}  // namespace Napi

namespace ostree {

class Doorbell;

// Makes a JS value of a native one, on the JS thread.
using MakeJs = std::function<Napi::Value(Napi::Env)>;

// What the work sees of the operation it is part of.
class Job {
 public:
  virtual ~Job() = default;
  virtual GCancellable* cancellable() const = 0;
  // True when somebody listens: progress need not be gathered otherwise.
  virtual bool wants_progress() const = 0;
  // Only the latest value reaches JS, about ten times a second. False: it came too soon after the last one,
  // and is told only if another follows. Whoever may have nothing to say for long reports again.
  virtual bool Report(MakeJs progress) = 0;
  // What the executor holds for this operation (a place at a gate); work that
  // outlives the operation, as a transaction does, keeps a copy.
  virtual std::shared_ptr<void> ticket() const = 0;
  // Any thread. Ends the operation for JS at once, with this failure, and cancels
  // it; its work goes on until it notices.
  virtual void Abandon(Failure why) = 0;
};

class Work {
 public:
  virtual ~Work() = default;
  virtual MakeJs Run(Job& job) = 0;
};

class Operation final : public Job, public std::enable_shared_from_this<Operation> {
 public:
  enum class State { kWaiting, kQueued, kRunning, kDone };  // waiting: at a gate

  Operation(uint64_t id, std::shared_ptr<Doorbell> doorbell, std::unique_ptr<Work> work,
            Shared<GCancellable> cancellable, bool wants_progress);
  ~Operation() override = default;

  // An executor's thread: does the work, unless it was cancelled meanwhile.
  void Run() noexcept;
  // Any thread. Not yet running: it ends at once. Running: its cancellable is
  // cancelled, and an abandonable one ends at once for JS while its thread goes on.
  void Cancel();
  // Any thread: ends it with this failure, unless it runs already.
  void Refuse(const Failure& why);
  // Any thread: ends it with LOCKED if it still waits at a gate.
  void GiveUp();
  // A gate let it pass.
  bool Admit();

  // Set before it is posted: its work may wait for a network peer that no cancel reaches.
  void set_abandonable() { abandonable_ = true; }
  bool abandoned() const { return abandoned_; }
  const Doorbell* doorbell() const { return doorbell_.get(); }
  void set_ticket(std::shared_ptr<void> ticket);
  // Before it waits at a gate; why() tells who is in the way.
  void set_waiting(std::function<Failure()> why);
  bool waiting() const { return state_ == State::kWaiting; }
  bool done() const { return state_ == State::kDone; }

  GCancellable* cancellable() const override { return cancellable_.get(); }
  bool wants_progress() const override { return wants_progress_; }
  bool Report(MakeJs progress) override;
  void Abandon(Failure why) override;
  std::shared_ptr<void> ticket() const override;

  // JS thread.
  uint64_t id() const { return id_; }
  MakeJs TakeProgress();
  // Either a value or a failure, once done() or abandoned().
  struct Outcome {
    MakeJs value;
    std::optional<Failure> failure;
  };
  Outcome TakeOutcome();

 private:
  bool End(State from, Outcome outcome);
  bool EndBeforeRunning(const Failure& why);

  const uint64_t id_;
  const std::shared_ptr<Doorbell> doorbell_;
  std::unique_ptr<Work> work_;
  const Shared<GCancellable> cancellable_;
  const bool wants_progress_;
  bool abandonable_ = false;
  std::atomic<bool> abandoned_ = false;
  std::atomic<State> state_ = State::kQueued;
  std::function<Failure()> why_waiting_;

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<void> ticket_;
  Outcome outcome_;
  std::optional<Failure> why_abandoned_;
  MakeJs progress_;
  std::chrono::steady_clock::time_point last_report_{};
};

}  // namespace ostree
