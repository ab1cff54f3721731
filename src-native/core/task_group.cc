#include "task_group.h"

#include <algorithm>
#include <deque>
#include <thread>

#include "thread.h"

namespace ostree {
namespace {

constexpr int kNice = 5;

// Never destroyed: its threads may outlive main().
class EnginePool {
 public:
  static EnginePool& Instance() {
    static auto* pool = new EnginePool;
    return *pool;
  }

  void Post(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_ < TaskGroup::Threads()) {
      threads_++;
      StartThread("ostree-engine", kNice, [this] { Main(); });
    }
    changed_.notify_one();
  }

 private:
  void Main() {
    std::unique_lock lock(mutex_);
    for (;;) {
      idle_++;
      changed_.wait(lock, [this] { return !tasks_.empty(); });
      idle_--;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  size_t idle_ = 0;
  unsigned threads_ = 0;
};

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
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_ < limit_; });
    if (error_) std::rethrow_exception(error_);
    open_++;
  }
  EnginePool::Instance().Post([this, task = std::move(task)]() mutable {
    std::exception_ptr error;
    try {
      if (!stopped()) task();
    } catch (...) {
      error = std::current_exception();
    }
    task = nullptr;
    Finish(error);
  });
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
