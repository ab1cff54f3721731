// Waiting on a thread that has nothing else to do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "on_cancel.h"

namespace ostree {

// Sleeps, but not longer than until cancelled.
inline void Pause(std::chrono::milliseconds time, GCancellable* cancellable) {
  std::mutex mutex;
  std::condition_variable changed;
  bool cancelled = false;
  OnCancel wakes(cancellable, [&] {
    std::lock_guard lock(mutex);
    cancelled = true;
    changed.notify_one();
  });
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, time, [&] { return cancelled; });
  }
  ThrowIfCancelled(cancellable);
}

}  // namespace ostree
