// A pool of threads for short tasks; it grows with the tasks that wait, up to a limit, and never ends.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace ostree {

class ThreadPool {
 public:
  // nice: see StartThread().
  ThreadPool(const char* name, int nice, unsigned limit);

  // Takes the task. Where the system starts no more threads, those that are there must do: it throws, and
  // leaves the task, only when there is none.
  void Run(std::function<void()>& task);

 private:
  void Main();

  const char* const name_;
  const int nice_;
  const unsigned limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  size_t idle_ = 0;
  unsigned threads_ = 0;
};

}  // namespace ostree
