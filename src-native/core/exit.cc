#include "exit.h"

#include <unistd.h>
#include <cstdlib>

#include "hash.h"
#include "running.h"

namespace ostree {
namespace {

pid_t process;

// A thread that is still inside libostree or libcrypto while their exit
// handlers run crashes, so the process ends here instead.
void StopOrLeave(int code) {
  // A child that libostree forked and that gave up has none of our threads.
  if (getpid() != process) _exit(code);
  if (!running::StopAll(nullptr)) _exit(code);
}

}  // namespace

void InstallExitHook() {
  // The first use of libcrypto, which is to have no exit handler; or, where somebody else used it before, an
  // older one than ours: the newest runs first.
  Sha256().Hex();
  process = getpid();
#ifdef __GLIBC__
  on_exit([](int code, void*) { StopOrLeave(code); }, nullptr);
#else
  // Other C libraries do not tell the code; a job that outlives its deadline ends the process with 1.
  std::atexit([] { StopOrLeave(EXIT_FAILURE); });
#endif
}

}  // namespace ostree
