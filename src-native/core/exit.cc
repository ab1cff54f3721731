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
  // Exit handlers run newest first: libcrypto installs its own at its first
  // use, so that comes first.
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
