#include "operation.h"

#include "doorbell.h"
#include "executor.h"
#include "running.h"

namespace ostree {
namespace {

// A little less than the 100 ms after which libostree reports again: its last report would wait for another
// one.
constexpr auto kProgressInterval = std::chrono::milliseconds(90);

Failure Cancelled() { return Failure("CANCELLED", "Operation was cancelled"); }

}  // namespace

Operation::Operation(uint64_t id, std::shared_ptr<Doorbell> doorbell, std::unique_ptr<Work> work,
                     Shared<GCancellable> cancellable, bool wants_progress)
    : id_(id),
      doorbell_(std::move(doorbell)),
      work_(std::move(work)),
      cancellable_(std::move(cancellable)),
      wants_progress_(wants_progress) {}

void Operation::Run() noexcept {
  auto expected = State::kQueued;
  if (!state_.compare_exchange_strong(expected, State::kRunning)) return;
  auto self = shared_from_this();
  running::Guard running(self);
  if (running::IsExiting()) g_cancellable_cancel(cancellable());  // nobody else will
  Outcome outcome;
  try {
    ThrowIfCancelled(cancellable());
    outcome.value = work_->Run(*this);
  } catch (const Failure& failure) {
    outcome.failure = failure;
  } catch (const std::bad_alloc&) {
    outcome.failure = Failure("FAILED", "Out of memory");
  } catch (const std::exception& error) {
    outcome.failure = Failure("FAILED", error.what());
  }
  work_.reset();  // what it captured (handles, locks) goes on this thread
  set_ticket(nullptr);
  End(State::kRunning, std::move(outcome));
}

void Operation::Cancel() {
  auto self = shared_from_this();
  g_cancellable_cancel(cancellable());
  if (EndBeforeRunning(Cancelled())) return;
  if (abandonable_) Abandon(Cancelled());
}

void Operation::Refuse(const Failure& why) { EndBeforeRunning(why); }

bool Operation::EndBeforeRunning(const Failure& why) {
  if (!End(State::kWaiting, {nullptr, why}) && !End(State::kQueued, {nullptr, why})) return false;
  set_ticket(nullptr);
  return true;
}

void Operation::Abandon(Failure why) {
  {
    std::lock_guard lock(mutex_);
    if (done() || abandoned_) return;
    why_abandoned_ = std::move(why);
    abandoned_ = true;
  }
  g_cancellable_cancel(cancellable());
  doorbell_->Ring(shared_from_this());
  OwnThreads::MakeRoom();
}

void Operation::set_waiting(std::function<Failure()> why) {
  why_waiting_ = std::move(why);
  state_ = State::kWaiting;
}

void Operation::GiveUp() {
  if (waiting()) End(State::kWaiting, {nullptr, why_waiting_()});
}

bool Operation::Admit() {
  auto expected = State::kWaiting;
  return state_.compare_exchange_strong(expected, State::kQueued);
}

bool Operation::End(State from, Outcome outcome) {
  {
    std::lock_guard lock(mutex_);
    if (!state_.compare_exchange_strong(from, State::kDone)) return false;
    outcome_ = std::move(outcome);
  }
  doorbell_->Ring(shared_from_this());
  return true;
}

bool Operation::Report(MakeJs progress) {
  if (!wants_progress_) return true;
  {
    std::lock_guard lock(mutex_);
    progress_ = std::move(progress);
    auto now = std::chrono::steady_clock::now();
    if (now - last_report_ < kProgressInterval) return false;
    last_report_ = now;
  }
  doorbell_->Ring(shared_from_this());
  return true;
}

MakeJs Operation::TakeProgress() {
  std::lock_guard lock(mutex_);
  return std::exchange(progress_, nullptr);
}

Operation::Outcome Operation::TakeOutcome() {
  std::lock_guard lock(mutex_);
  // What had already taken effect is told; else why it was abandoned counts, not how its work then ended.
  if (abandoned_ && !outcome_.value) return {nullptr, why_abandoned_};
  return std::exchange(outcome_, {});
}

std::shared_ptr<void> Operation::ticket() const {
  std::lock_guard lock(mutex_);
  return ticket_;
}

void Operation::set_ticket(std::shared_ptr<void> ticket) {
  std::lock_guard lock(mutex_);
  std::swap(ticket_, ticket);
}

}  // namespace ostree
