#include "task_group.h"

#include <algorithm>
#include <thread>

#include "thread_pool.h"

namespace ostree {
namespace {

constexpr int kNice = 5;

// Never destroyed: its threads may outlive main().
ThreadPool& EnginePool() {
  static auto* pool = new ThreadPool("ostree-engine", kNice, TaskGroup::Threads());
  return *pool;
}

}  // namespace

unsigned TaskGroup::Threads() { return std::max(1u, std::thread::hardware_concurrency()); }

TaskGroup::TaskGroup(GCancellable* cancellable, size_t limit)
    : cancellable_(cancellable), limit_(limit ? limit : 2 * Threads()) {}

TaskGroup::~TaskGroup() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.wait(lock, [this] { return open_ == 0; });
}

bool TaskGroup::stopped() const {
  std::lock_guard lock(mutex_);
  return closing_ || error_ || g_cancellable_is_cancelled(cancellable_);
}

void TaskGroup::Run(std::function<void()> task) {
  std::function<void()> counted = [this, task = std::move(task)]() mutable {
    std::exception_ptr error;
    try {
      if (!stopped()) task();
    } catch (...) {
      error = std::current_exception();
    }
    task = nullptr;
    Finish(error);
  };
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_ < limit_; });
    if (error_) std::rethrow_exception(error_);
    open_++;
  }
  try {
    EnginePool().Run(counted);
  } catch (...) {  // nobody else will end it
    Finish(nullptr);
    throw;
  }
}

void TaskGroup::Finish(std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  if (error && !error_) error_ = error;
  open_--;
  changed_.notify_all();
}

void TaskGroup::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return open_ == 0; });
  if (error_) std::rethrow_exception(error_);
  ThrowIfCancelled(cancellable_);
}

}  // namespace ostree
