// Work for all cores: tasks on the engine pool, which has one thread a core and
// leaves the event loop its share of the processor. Tasks compute and read or
// write files; none may wait for JS, a lock or another task.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>

#include "failure.h"

namespace ostree {

class TaskGroup {
 public:
  // Run() waits while `limit` tasks of this group are queued or running.
  // 0: twice as many as there are threads.
  explicit TaskGroup(GCancellable* cancellable, size_t limit = 0);
  ~TaskGroup();  // waits for what runs; what is still queued does nothing
  TaskGroup(const TaskGroup&) = delete;

  void Run(std::function<void()> task);
  // Until every task has ended; throws what the first failed one threw.
  void Wait();
  // True once one failed or the operation was cancelled: later tasks do nothing.
  bool stopped() const;

  static unsigned Threads();

 private:
  void Finish(std::exception_ptr error);

  GCancellable* const cancellable_;
  const size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  size_t open_ = 0;
  bool closing_ = false;
  std::exception_ptr error_;
};

}  // namespace ostree
