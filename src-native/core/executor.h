// Where an operation runs. Three classes of thread, and ways to wrap them:
//
//   ReadPool()       small; for short reads that wait for nothing but the disk
//   OwnThread()      a thread for one long operation; at most 16 run, the rest waits as data
//   DedicatedThread  one thread for ever (a sysroot's: its mount namespace is per thread)
//   Strand           one operation at a time, in order, holding no thread while idle
//   Abandonable(e)   its cancelled operations end at once for JS, whatever their thread does
//
// (The third class of thread, one per core for hashing and the like, is TaskGroup's.)
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include "main_context.h"
#include "operation.h"

namespace ostree {

class Executor {
 public:
  virtual ~Executor() = default;
  // Does not throw for want of a thread: the operation ends with that failure.
  virtual void Post(std::shared_ptr<Operation> operation) = 0;
};

std::shared_ptr<Executor> ReadPool();
std::shared_ptr<Executor> OwnThread();
std::shared_ptr<Executor> Abandonable(std::shared_ptr<Executor> executor);

class Strand final : public Executor, public std::enable_shared_from_this<Strand> {
 public:
  void Post(std::shared_ptr<Operation> operation) override;
  // For one whose operations must run where there are no more descriptors: before it is used, and until the
  // operation that ends it. Throws where there are none yet.
  void KeepContext();
  void LetContextGo() { keeps_context_ = false; }

 private:
  void Start();  // under the mutex
  void RunAll();

  std::mutex mutex_;
  std::deque<std::shared_ptr<Operation>> queue_;
  bool active_ = false;
  KeptContext context_;  // of whichever thread runs it
  std::atomic<bool> keeps_context_ = false;
};

class DedicatedThread final : public Executor {
 public:
  explicit DedicatedThread(const char* name);
  ~DedicatedThread() override;  // as End()
  // The thread ends after what is queued; nobody waits. What comes later, and
  // finds nothing to work on, fails on the read pool.
  void End();
  void Post(std::shared_ptr<Operation> operation) override;
  // What must be dropped on the thread: it is, as the thread ends.
  void Own(std::shared_ptr<void> owned);

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;
};

// Runs something that is nobody's operation (dropping a handle, say) on a thread of the read pool; at once,
// where there is none.
void RunLater(std::function<void()> task);

namespace OwnThreads {
// An operation was abandoned: its thread no longer counts among the 16.
void MakeRoom();
// Runs a task on a thread of its own, counted among the 16; abandoned() tells whether it no longer counts.
// Throws when there is no thread to be had, now or once another one ends.
void Run(std::function<void()> task, std::shared_ptr<Operation> operation);

// While there is one, its thread waits for somebody else (another process's lock, say). If it is one of the
// 16, another may run meanwhile: whoever waits must not keep from working those who could.
class Waiting {
 public:
  Waiting();
  ~Waiting();
  Waiting(const Waiting&) = delete;
};
}  // namespace OwnThreads

}  // namespace ostree
