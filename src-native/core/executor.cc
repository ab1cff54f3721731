#include "executor.h"

#include <algorithm>
#include <condition_variable>
#include <list>

#include "thread.h"

namespace ostree {
namespace {

constexpr size_t kMaxOwnThreads = 16;
constexpr unsigned kReadThreads = 4;

// libostree iterates the thread-default context; without one of its own, two
// operations would dispatch each other's sources.
class MainContextScope {
 public:
  MainContextScope() { g_main_context_push_thread_default(context_.get()); }
  ~MainContextScope() { g_main_context_pop_thread_default(context_.get()); }

 private:
  Shared<GMainContext> context_ = Shared<GMainContext>::Take(g_main_context_new());
};

void RunWithContext(Operation& operation) {
  MainContextScope context;
  operation.Run();
}

// The singletons below are never destroyed: their threads may outlive main().
class ReadThreads final : public Executor {
 public:
  static ReadThreads& Instance() {
    static auto* threads = new ReadThreads;
    return *threads;
  }

  void Post(std::shared_ptr<Operation> operation) override {
    Run([operation = std::move(operation)] { operation->Run(); });
  }

  void Run(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_ < kReadThreads) {
      threads_++;
      StartThread("ostree-read", 0, [this] { Main(); });
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
      task = nullptr;  // what it holds goes before the lock is taken again
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  size_t idle_ = 0;
  unsigned threads_ = 0;
};

class OwnThreadPool {
 public:
  struct Task {
    std::function<void()> run;
    std::shared_ptr<Operation> operation;
  };

  static OwnThreadPool& Instance() {
    static auto* pool = new OwnThreadPool;
    return *pool;
  }

  void Post(Task task) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(task));
    StartWhatMay();
  }

  void MakeRoom() {
    std::lock_guard lock(mutex_);
    StartWhatMay();
  }

 private:
  void StartWhatMay() {
    auto counted = [](const auto& task) { return !task.operation || !task.operation->abandoned(); };
    while (!waiting_.empty() &&
           static_cast<size_t>(std::count_if(running_.begin(), running_.end(), counted)) < kMaxOwnThreads) {
      running_.splice(running_.end(), waiting_, waiting_.begin());
      StartThread("ostree-work", 0, [this, task = std::prev(running_.end())] { Main(task); });
    }
  }

  void Main(std::list<Task>::iterator task) {
    task->run();
    std::list<Task> ended;
    std::lock_guard lock(mutex_);
    ended.splice(ended.begin(), running_, task);
    StartWhatMay();
  }

  std::mutex mutex_;
  std::list<Task> running_, waiting_;
};

class OwnThreadExecutor final : public Executor {
 public:
  void Post(std::shared_ptr<Operation> operation) override {
    OwnThreads::Run([operation] { RunWithContext(*operation); }, operation);
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

std::shared_ptr<Executor> ReadPool() {
  // Not owned by the pointer: the pool lives as long as the process.
  return std::shared_ptr<Executor>(std::shared_ptr<void>(), &ReadThreads::Instance());
}

std::shared_ptr<Executor> OwnThread() { return std::make_shared<OwnThreadExecutor>(); }

std::shared_ptr<Executor> Abandonable(std::shared_ptr<Executor> executor) {
  return std::make_shared<AbandonableExecutor>(std::move(executor));
}

void RunLater(std::function<void()> task) { ReadThreads::Instance().Run(std::move(task)); }

void OwnThreads::MakeRoom() { OwnThreadPool::Instance().MakeRoom(); }

void OwnThreads::Run(std::function<void()> task, std::shared_ptr<Operation> operation) {
  OwnThreadPool::Instance().Post({std::move(task), std::move(operation)});
}

void Strand::Post(std::shared_ptr<Operation> operation) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(operation));
  if (std::exchange(active_, true)) return;
  OwnThreads::Run([self = shared_from_this()] { self->RunAll(); }, nullptr);
}

void Strand::RunAll() {
  for (;;) {
    std::shared_ptr<Operation> operation;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        active_ = false;
        return;
      }
      operation = std::move(queue_.front());
      queue_.pop_front();
    }
    RunWithContext(*operation);
  }
}

struct DedicatedThread::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Operation>> operations;
  std::shared_ptr<void> owned;
  bool closed = false;

  void Main() {
    MainContextScope context;
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
      operation->Run();
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
    RunLater([operation = std::move(operation)] { operation->Run(); });
    return;
  }
  queue_->operations.push_back(std::move(operation));
  queue_->changed.notify_one();
}

}  // namespace ostree
