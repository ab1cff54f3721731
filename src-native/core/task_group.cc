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

TaskGroup::TaskGroup(GCancellable* cancellable, size_t limit, size_t waiting)
    : cancellable_(cancellable), limit_(limit ? limit : 2 * Threads()), most_waiting_(waiting) {}

TaskGroup::~TaskGroup() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.wait(lock, [this] { return queued_ == 0; });
}

bool TaskGroup::stopped() const {
  std::lock_guard lock(mutex_);
  return closing_ || error_ || g_cancellable_is_cancelled(cancellable_);
}

void TaskGroup::Run(std::function<void()> task) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return queued_ < limit_ || waiting_.size() < most_waiting_; });
    if (error_) std::rethrow_exception(error_);
    if (queued_ == limit_) {
      waiting_.push_back(std::move(task));
      return;
    }
    queued_++;
  }
  Queue(std::move(task));
}

void TaskGroup::RunNext(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (queued_ == limit_) {
      waiting_.push_front(std::move(task));
      return;
    }
    queued_++;
  }
  Queue(std::move(task));
}

void TaskGroup::Queue(Task task) {
  try {
    Task counted = [this, task = std::move(task)]() mutable {
      std::exception_ptr error;
      try {
        if (!stopped()) task();
      } catch (...) {
        error = std::current_exception();
      }
      task = nullptr;
      Finish(error);
    };
    EnginePool().Run(counted);
  } catch (...) {  // nobody else will end it
    Finish(std::current_exception());
  }
}

void TaskGroup::Finish(std::exception_ptr error) {
  std::deque<Task> dropped;  // what they hold goes without the lock
  Task next;
  {
    std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    if (error_) dropped.swap(waiting_);
    if (waiting_.empty()) {
      queued_--;
      changed_.notify_all();
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
    if (waiting_.size() + 1 == most_waiting_) changed_.notify_all();
  }
  Queue(std::move(next));
}

void TaskGroup::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queued_ == 0; });
  if (error_) std::rethrow_exception(error_);
  ThrowIfCancelled(cancellable_);
}

}  // namespace ostree
