// The way from any thread back to one JavaScript environment: a queue of
// operations that have something to say, and a ThreadSafeFunction without data
// that wakes the environment to look at it. It is rung once until drained.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "napi.h"

namespace ostree {

class Operation;

class Doorbell {
 public:
  // Called on the JS thread when somebody rang.
  using OnRing = void (*)(napi_env env, napi_value, void* context, void*);

  Doorbell(Napi::Env env, void* context, OnRing on_ring);

  // Any thread.
  void Ring(std::shared_ptr<Operation> operation);

  // JS thread.
  std::shared_ptr<Operation> Next();  // empty: it must be rung again to be heard
  void RingAgain();                   // what is left is for another turn of the event loop
  void KeepAlive(bool alive);         // whether Node must wait for it
  void Close();                       // the environment ends: nobody is woken any more

 private:
  void Call();

  napi_env env_;
  napi_threadsafe_function function_ = nullptr;
  std::mutex mutex_;
  std::deque<std::shared_ptr<Operation>> queue_;
  bool rung_ = false;
  bool open_ = true;
};

}  // namespace ostree
