// The thread-default main context of an operation that libostree iterates:
// what a pull waits in.
#pragma once

#include <chrono>
#include <functional>

#include "ptr.h"

namespace ostree {

// Calls back on this thread, again and again, while its context is iterated.
// tick() must not throw.
class ContextTimer {
 public:
  ContextTimer(std::chrono::milliseconds period, std::function<void()> tick);
  ~ContextTimer();
  ContextTimer(const ContextTimer&) = delete;

 private:
  const std::function<void()> tick_;
  Shared<GSource> source_;
};

// Shuts down every network connection that this thread's context waits for, so
// that whoever reads from it is told that it ended. Called on the thread itself.
void ShutDownConnections();

// A signal handler that goes with this object. `instance` must outlive it.
class SignalHandler {
 public:
  SignalHandler(gpointer instance, const char* signal, GCallback handler, gpointer data)
      : instance_(instance), id_(g_signal_connect(instance, signal, handler, data)) {}
  ~SignalHandler() { g_signal_handler_disconnect(instance_, id_); }
  SignalHandler(const SignalHandler&) = delete;

 private:
  const gpointer instance_;
  const gulong id_;
};

}  // namespace ostree
