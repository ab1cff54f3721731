#include "js_thread.h"

#include <chrono>

#include "running.h"

namespace ostree {
namespace {

// How long the event loop may be held by settling before others have a turn.
constexpr auto kDrainTime = std::chrono::milliseconds(4);

}  // namespace

void JsThread::Install(Napi::Env env) { env.SetInstanceData(new JsThread(env)); }

JsThread& JsThread::Of(Napi::Env env) { return *env.GetInstanceData<JsThread>(); }

JsThread::JsThread(Napi::Env env) : env_(env), doorbell_(std::make_shared<Doorbell>(env, this, OnRing)) {
  // Hooks run newest first: the doorbell has one of its own, so this one still finds it working.
  env.AddCleanupHook([this] { Teardown(); });
}

Napi::Promise JsThread::Start(Napi::Value value, Executor& executor, std::unique_ptr<Work> work) {
  auto call = FromHandle<Call>(value, "call");
  if (std::exchange(call->used, true)) throw ArgTypeError(env_, "call must not be used twice");
  auto operation = std::make_shared<Operation>(next_id_++, doorbell_, std::move(work), call->cancellable,
                                               !call->on_progress.IsEmpty());
  call->operation = operation;

  auto deferred = Napi::Promise::Deferred::New(env_);
  auto promise = deferred.Promise();
  if (halves_.empty()) doorbell_->KeepAlive(true);
  halves_.emplace(operation->id(),
                  Half{deferred, Napi::Persistent(value.As<Napi::Object>()), call, operation, std::nullopt});
  executor.Post(operation);
  // Cancelled before there was an operation: it must not wait at a gate to be told.
  if (g_cancellable_is_cancelled(call->cancellable.get())) operation->Cancel();
  return promise;
}

void JsThread::OnRing(napi_env env, napi_value, void* self, void*) {
  if (env) static_cast<JsThread*>(self)->Drain(env);
}

void JsThread::Drain(Napi::Env env) {
  auto start = std::chrono::steady_clock::now();
  while (auto operation = doorbell_->Next()) {
    Napi::HandleScope scope(env);
    try {
      Deliver(env, *operation);
    } catch (const std::exception&) {
      // Napi::Error: the environment is being terminated; the next operation is still heard.
    }
    if (std::chrono::steady_clock::now() - start > kDrainTime) return doorbell_->RingAgain();
  }
}

void JsThread::Deliver(Napi::Env env, Operation& operation) {
  if (halves_.contains(operation.id())) Progress(env, operation);
  // Not there any more: it was abandoned, and is now really over.
  if (halves_.contains(operation.id()) && (operation.done() || operation.abandoned())) Settle(env, operation);
}

void JsThread::Progress(Napi::Env env, Operation& operation) {
  auto progress = operation.TakeProgress();
  const auto& half = halves_.at(operation.id());
  if (!progress || half.thrown || operation.abandoned()) return;
  auto call = half.call;  // the callback may turn the event loop, and so settle this operation
  try {
    call->on_progress.Call({progress(env)});
  } catch (const Napi::Error& error) {  // a callback that throws ends the operation
    if (auto found = halves_.find(operation.id()); found != halves_.end()) found->second.thrown = error;
    operation.Cancel();
  }
}

void JsThread::Settle(Napi::Env env, Operation& operation) {
  auto node = halves_.extract(operation.id());
  if (halves_.empty()) doorbell_->KeepAlive(false);
  auto& half = node.mapped();
  auto outcome = operation.TakeOutcome();
  auto settle = [&] {
    if (half.thrown) return half.deferred.Reject(half.thrown->Value());
    if (outcome.failure) return half.deferred.Reject(ToJs(env, *outcome.failure));
    try {
      half.deferred.Resolve(outcome.value(env));
    } catch (const Failure& failure) {  // a variant with too much in it
      half.deferred.Reject(ToJs(env, failure));
    }
  };
  try {
    settle();
  } catch (const Napi::Error& error) {
    half.deferred.Reject(error.Value());
  } catch (const std::exception& error) {  // no memory, or a failure whose details are too many
    half.deferred.Reject(Napi::Error::New(env, error.what()).Value());
  }
}

void JsThread::Teardown() {
  for (auto& [id, half] : halves_) half.operation->Cancel();
  halves_.clear();
  running::StopAll(doorbell_.get());
  doorbell_->Close();
}

}  // namespace ostree
