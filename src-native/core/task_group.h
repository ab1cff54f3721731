// Work for all cores: tasks on the engine pool, which has one thread a core and
// leaves the event loop its share of the processor. Tasks compute and read or
// write files; none may wait for JS, a lock or another task.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

#include "failure.h"

namespace ostree {

class TaskGroup {
 public:
  // At most `limit` of its tasks are queued on the pool or running; 0: twice as many as there are threads.
  // `waiting` more are kept by the group, so that they do not stand before those of others; then Run() waits.
  explicit TaskGroup(GCancellable* cancellable, size_t limit = 0, size_t waiting = 0);
  ~TaskGroup();  // waits for what runs; what has not begun does nothing
  TaskGroup(const TaskGroup&) = delete;

  void Run(std::function<void()> task);
  // For a task of this group, since it must not wait: the new one comes before those that wait.
  void RunNext(std::function<void()> task);
  // Until every task has ended; throws what the first failed one threw.
  void Wait();
  // True once one failed or the operation was cancelled: later tasks do nothing.
  bool stopped() const;

  static unsigned Threads();

 private:
  using Task = std::function<void()>;
  // Counted in `queued_` already.
  void Queue(Task task);
  // Of one that has ended; queues the next.
  void Finish(std::exception_ptr error);

  GCancellable* const cancellable_;
  const size_t limit_, most_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  size_t queued_ = 0;  // or running
  std::deque<Task> waiting_;
  bool closing_ = false;
  std::exception_ptr error_;
};

}  // namespace ostree
