#include "thread_pool.h"

#include "failure.h"
#include "thread.h"

namespace ostree {

ThreadPool::ThreadPool(const char* name, int nice, unsigned limit)
    : name_(name), nice_(nice), limit_(limit) {}

void ThreadPool::Run(std::function<void()>& task) {
  std::unique_lock lock(mutex_);
  if (idle_ <= tasks_.size() && threads_ < limit_) {
    try {
      StartThread(name_, nice_, [this] { Main(); });
      threads_++;
    } catch (const Failure&) {
      if (threads_ == 0) throw;
    }
  }
  tasks_.push_back(std::move(task));
  lock.unlock();  // else whom it wakes would wait for the lock at once
  changed_.notify_one();
}

void ThreadPool::Main() {
  std::unique_lock lock(mutex_);
  for (;;) {
    idle_++;
    changed_.wait(lock, [this] { return !tasks_.empty(); });
    idle_--;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds goes before the lock is taken again
    lock.lock();
  }
}

}  // namespace ostree
