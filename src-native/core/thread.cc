#include "thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "exit.h"
#include "failure.h"

namespace ostree {
namespace {

constexpr size_t kStackSize = 8 << 20;

struct Start {
  std::string name;
  int nice;
  std::function<void()> main;
};

// Set for a thread whose namespaces are not those of the process.
thread_local bool elsewhere = false;

thread_local bool is_ours = false;

// What libostree and gpgme fork on a thread of ours begins as a child of Node's does: no signal blocked, for
// gpg-agent, say, must end by SIGTERM, and none handled, for until it runs another program, Node's handlers
// would write into Node's own pipe. Leaving those signals unblocked that Node does not handle would not do:
// SIGTERM and SIGINT it handles always.
void UnblockInChild() {
  if (!is_ours) return;
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigaction(number, nullptr, &action) < 0 || action.sa_handler == SIG_IGN) continue;
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void* Main(void* data) {
  is_ours = true;
  std::unique_ptr<Start> start(static_cast<Start*>(data));
  pthread_setname_np(pthread_self(), start->name.c_str());
  // On Linux a nice value belongs to a thread, not to the process.
  if (start->nice) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), start->nice);
  start->main();
  return nullptr;
}

void Create(Start what) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto start = std::make_unique<Start>(std::move(what));
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, Main, start.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error) throw Failure("FAILED", std::string("Cannot start a thread: ") + g_strerror(error));
  start.release();
}

// Starts threads for those that must not.
class Starter {
 public:
  static Starter& Instance() {
    static auto* starter = new Starter;  // its thread may outlive main()
    return *starter;
  }

  void Push(Start start) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(start));
    changed_.notify_one();
  }

 private:
  Starter() {
    Create({"ostree-start", 0, [this] { Run(); }});
  }

  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !waiting_.empty(); });
      auto start = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      CreateInTheEnd(start);
      lock.lock();
    }
  }

  // There is nobody to tell that there are too many threads now; there will be fewer.
  static void CreateInTheEnd(const Start& start) {
    for (;;) {
      try {
        return Create(start);
      } catch (const Failure&) {
        g_usleep(10'000);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Start> waiting_;
};

}  // namespace

void StartThread(const char* name, int nice, std::function<void()> main) {
  static std::once_flag once;
  std::call_once(once, [] {
    InstallExitHook();
    pthread_atfork(nullptr, nullptr, UnblockInChild);
  });
  Start start{name, nice, std::move(main)};
  elsewhere ? Starter::Instance().Push(std::move(start)) : Create(std::move(start));
}

void StartThreadsElsewhere() {
  Starter::Instance();
  elsewhere = true;
}

}  // namespace ostree
