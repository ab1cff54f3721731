// The thread-default main context of an operation that libostree iterates:
// what a pull waits in; and what must be there before GLib makes one.
#pragma once

#include <chrono>
#include <functional>

#include "ptr.h"

namespace ostree {

// GLib ends the process where it finds no descriptor to wake a thread by. Throws what an operation can fail
// with where there are not so many left; asked for before GLib is.
void RequireDescriptors(unsigned count);
// For what makes more of them inside libostree and GLib, where nothing can look beforehand: asking servers,
// starting programs.
constexpr unsigned kDescriptorsOfMany = 16;

// The context of operations that run one after another. One that was made is kept for the next of them, so
// that what ends a lock or a transaction needs no descriptor: there may be none left by then.
class KeptContext {
 public:
  // Makes it now. Throws where there is no descriptor for it.
  void Make();
  void Drop() { context_.reset(); }

 private:
  friend class MainContextScope;
  Shared<GMainContext> context_;
};

// The thread-default main context of what runs on this thread as long as this object lives: libostree
// iterates it, and without one of its own two operations would dispatch each other's sources. What has
// something left in it serves nobody again. Throws as Make() does.
class MainContextScope {
 public:
  explicit MainContextScope(KeptContext& kept);
  ~MainContextScope();
  MainContextScope(const MainContextScope&) = delete;

 private:
  KeptContext& kept_;
};

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
