#include "executor.h"

#include <algorithm>
#include <condition_variable>
#include <list>

#include "thread.h"
#include "thread_pool.h"

namespace ostree {
namespace {

constexpr size_t kMaxOwnThreads = 16;
constexpr size_t kMaxWaitingThreads = 64;  // beyond the 16; more than these count like any other
constexpr unsigned kReadThreads = 4;

void RunWithContext(Operation& operation, KeptContext& kept) {
  std::optional<MainContextScope> context;
  try {
    context.emplace(kept);
  } catch (const Failure& no_descriptor) {
    return operation.Refuse(no_descriptor);
  }
  operation.Run();
}

// The singletons below are never destroyed: their threads may outlive main().
ThreadPool& ReadThreads() {
  static auto* pool = new ThreadPool("ostree-read", 0, kReadThreads);
  return *pool;
}

class ReadPoolExecutor final : public Executor {
 public:
  void Post(std::shared_ptr<Operation> operation) override {
    std::function<void()> task = [operation] { operation->Run(); };
    try {
      ReadThreads().Run(task);
    } catch (const Failure& no_thread) {
      operation->Refuse(no_thread);
    }
  }
};

class OwnThreadPool {
 public:
  struct Task {
    std::function<void()> run;
    std::shared_ptr<Operation> operation;
    bool waiting = false;  // for somebody else
  };

  static OwnThreadPool& Instance() {
    static auto* pool = new OwnThreadPool;
    return *pool;
  }

  // Throws when no thread can be started, and none runs that would come to it later.
  void Post(Task task) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(task));
    try {
      StartWhatMay();
    } catch (const Failure&) {
      if (Counted() > 0) return;
      waiting_.pop_back();
      throw;
    }
  }

  void MakeRoom() noexcept {
    std::lock_guard lock(mutex_);
    TryStartWhatMay();
  }

  // The calling thread waits, or works again; when it is not one of these, nothing changes.
  void SetWaiting(bool waiting) noexcept {
    if (!current_) return;
    std::lock_guard lock(mutex_);
    current_->waiting = waiting && Count([](const auto& task) { return task.waiting; }) < kMaxWaitingThreads;
    if (current_->waiting) TryStartWhatMay();
  }

 private:
  template <class Fn>
  size_t Count(Fn fn) const {
    return static_cast<size_t>(std::count_if(running_.begin(), running_.end(), fn));
  }

  size_t Counted() const {
    return Count(
        [](const auto& task) { return !task.waiting && (!task.operation || !task.operation->abandoned()); });
  }

  bool MayStart() const { return !waiting_.empty() && Counted() < kMaxOwnThreads; }

  void StartWhatMay() {
    while (MayStart()) {
      StartThread("ostree-work", 0, [this, task = waiting_.begin()] { Main(task); });
      running_.splice(running_.end(), waiting_, waiting_.begin());
    }
  }

  void TryStartWhatMay() noexcept {
    try {
      StartWhatMay();
    } catch (const Failure&) {
      // Whichever thread ends next goes on with what waits.
    }
  }

  // A thread that has done its task goes on with the next one: another need not be to be had.
  void Main(std::list<Task>::iterator task) {
    for (;;) {
      current_ = &*task;
      task->run();
      current_ = nullptr;
      std::list<Task> ended;  // goes when the lock does not hold any more
      std::lock_guard lock(mutex_);
      ended.splice(ended.begin(), running_, task);
      if (!MayStart()) return;
      task = waiting_.begin();
      running_.splice(running_.end(), waiting_, task);
    }
  }

  static thread_local Task* current_;
  std::mutex mutex_;
  std::list<Task> running_, waiting_;
};

thread_local OwnThreadPool::Task* OwnThreadPool::current_ = nullptr;

class OwnThreadExecutor final : public Executor {
 public:
  void Post(std::shared_ptr<Operation> operation) override {
    try {
      auto run = [operation] {
        KeptContext context;
        RunWithContext(*operation, context);
      };
      OwnThreads::Run(run, operation);
    } catch (const Failure& no_thread) {
      operation->Refuse(no_thread);
    }
  }
};

class AbandonableExecutor final : public Executor {
 public:
  explicit AbandonableExecutor(std::shared_ptr<Executor> inner) : inner_(std::move(inner)) {}
  void Post(std::shared_ptr<Operation> operation) override {
    operation->set_abandonable();
    inner_->Post(std::move(operation));
  }

 private:
  std::shared_ptr<Executor> inner_;
};

}  // namespace

std::shared_ptr<Executor> ReadPool() { return std::make_shared<ReadPoolExecutor>(); }

std::shared_ptr<Executor> OwnThread() { return std::make_shared<OwnThreadExecutor>(); }

std::shared_ptr<Executor> Abandonable(std::shared_ptr<Executor> executor) {
  return std::make_shared<AbandonableExecutor>(std::move(executor));
}

void RunLater(std::function<void()> task) {
  try {
    ReadThreads().Run(task);
  } catch (const Failure&) {
    task();  // late is better, but never is worse
  }
}

void OwnThreads::MakeRoom() { OwnThreadPool::Instance().MakeRoom(); }

void OwnThreads::Run(std::function<void()> task, std::shared_ptr<Operation> operation) {
  OwnThreadPool::Instance().Post({std::move(task), std::move(operation)});
}

OwnThreads::Waiting::Waiting() { OwnThreadPool::Instance().SetWaiting(true); }

OwnThreads::Waiting::~Waiting() { OwnThreadPool::Instance().SetWaiting(false); }

void Strand::Post(std::shared_ptr<Operation> operation) {
  try {
    std::lock_guard lock(mutex_);
    queue_.push_back(operation);
    if (active_) return;
    active_ = true;
    Start();
  } catch (const Failure& no_thread) {
    operation->Refuse(no_thread);  // not under the lock: others may be let in by it, and come here
  }
}

void Strand::KeepContext() {
  context_.Make();
  keeps_context_ = true;
}

void Strand::Start() {
  try {
    OwnThreads::Run([self = shared_from_this()] { self->RunAll(); }, nullptr);
  } catch (const Failure&) {
    active_ = false;
    queue_.pop_back();
    throw;
  }
}

void Strand::RunAll() {
  for (;;) {
    std::shared_ptr<Operation> operation;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        if (!keeps_context_) context_.Drop();
        active_ = false;
        return;
      }
      operation = std::move(queue_.front());
      queue_.pop_front();
    }
    RunWithContext(*operation, context_);
  }
}

struct DedicatedThread::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Operation>> operations;
  std::shared_ptr<void> owned;
  bool closed = false;

  void Main() {
    KeptContext context;
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return closed || !operations.empty(); });
      if (operations.empty()) {
        owned.reset();
        return;
      }
      auto operation = std::move(operations.front());
      operations.pop_front();
      lock.unlock();
      RunWithContext(*operation, context);
      operation = nullptr;
      lock.lock();
    }
  }
};

DedicatedThread::DedicatedThread(const char* name) : queue_(std::make_shared<Queue>()) {
  StartThread(name, 0, [queue = queue_] { queue->Main(); });
}

DedicatedThread::~DedicatedThread() { End(); }

void DedicatedThread::End() {
  std::lock_guard lock(queue_->mutex);
  queue_->closed = true;
  queue_->changed.notify_one();
}

void DedicatedThread::Own(std::shared_ptr<void> owned) {
  std::lock_guard lock(queue_->mutex);
  queue_->owned = std::move(owned);
}

void DedicatedThread::Post(std::shared_ptr<Operation> operation) {
  std::unique_lock lock(queue_->mutex);
  if (queue_->closed) {
    lock.unlock();
    ReadPool()->Post(std::move(operation));
    return;
  }
  queue_->operations.push_back(std::move(operation));
  queue_->changed.notify_one();
}

}  // namespace ostree
