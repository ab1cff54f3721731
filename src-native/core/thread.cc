#include "thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

void* Main(void* data) {
  std::unique_ptr<Start> start(static_cast<Start*>(data));
  pthread_setname_np(pthread_self(), start->name.c_str());
  // On Linux a nice value belongs to a thread, not to the process.
  if (start->nice) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), start->nice);
  start->main();
  return nullptr;
}

}  // namespace

void StartThread(const char* name, int nice, std::function<void()> main) {
  static std::once_flag once;
  std::call_once(once, InstallExitHook);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto start = std::make_unique<Start>(Start{name, nice, std::move(main)});
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, Main, start.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error) throw Failure("FAILED", std::string("Cannot start a thread: ") + g_strerror(error));
  start.release();
}

}  // namespace ostree
