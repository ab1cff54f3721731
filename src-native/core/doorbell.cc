#include "doorbell.h"

#include "operation.h"

namespace ostree {

Doorbell::Doorbell(Napi::Env env, void* context, OnRing on_ring) : env_(env) {
  auto name = Napi::String::New(env, "ostree");
  auto status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, context,
                                                on_ring, &function_);
  if (status != napi_ok) throw Napi::Error::New(env);
  KeepAlive(false);  // an idle addon must not keep the process alive
}

void Doorbell::Ring(std::shared_ptr<Operation> operation) {
  std::lock_guard lock(mutex_);
  if (!open_) return;
  queue_.push_back(std::move(operation));
  if (!std::exchange(rung_, true)) Call();
}

std::shared_ptr<Operation> Doorbell::Next() {
  std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    rung_ = false;
    return nullptr;
  }
  auto operation = std::move(queue_.front());
  queue_.pop_front();
  return operation;
}

void Doorbell::RingAgain() {
  std::lock_guard lock(mutex_);
  if (open_) Call();
}

void Doorbell::KeepAlive(bool alive) {
  if (alive)
    napi_ref_threadsafe_function(env_, function_);
  else
    napi_unref_threadsafe_function(env_, function_);
}

void Doorbell::Close() {
  std::deque<std::shared_ptr<Operation>> dropped;
  std::lock_guard lock(mutex_);
  open_ = false;
  std::swap(dropped, queue_);
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
}

void Doorbell::Call() { napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking); }

}  // namespace ostree
