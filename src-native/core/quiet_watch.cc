#include "quiet_watch.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "thread.h"

namespace ostree {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::chrono::nanoseconds TimeUsed(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

struct QuietWatch::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  clockid_t clock;
  milliseconds limit;
  std::function<void()> on_quiet;

  void Main() {
    auto period = std::clamp(limit / 8, milliseconds(10), milliseconds(250));
    auto used = TimeUsed(clock);
    auto since = Clock::now();
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, period, [this] { return ended; })) {
      auto now_used = TimeUsed(clock);
      if (now_used != used) {
        used = now_used;
        since = Clock::now();
      } else if (Clock::now() - since >= limit) {
        // Under the mutex: the destructor waits for it.
        return on_quiet();
      }
    }
  }
};

QuietWatch::QuietWatch(milliseconds limit, std::function<void()> on_quiet)
    : state_(std::make_shared<State>()) {
  state_->limit = limit;
  state_->on_quiet = std::move(on_quiet);
  pthread_getcpuclockid(pthread_self(), &state_->clock);
  StartThread("ostree-watch", 0, [state = state_] { state->Main(); });
}

QuietWatch::~QuietWatch() {
  std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_all();
}

}  // namespace ostree
