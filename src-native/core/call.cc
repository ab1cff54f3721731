#include "call.h"

namespace ostree {

Napi::Value CallNew(const Napi::CallbackInfo& info) {
  auto call = std::make_shared<Call>();
  if (info[0].IsFunction())
    call->on_progress = Napi::Persistent(info[0].As<Napi::Function>());
  else if (!info[0].IsUndefined())
    throw ArgTypeError(info.Env(), "onProgress must be a function");
  return NewHandle(info.Env(), call);
}

Napi::Value CallCancel(const Napi::CallbackInfo& info) {
  auto call = FromHandle<Call>(info[0], "call");
  g_cancellable_cancel(call->cancellable.get());
  if (auto operation = call->operation.lock()) operation->Cancel();
  return info.Env().Undefined();
}

Napi::Value CallWaits(const Napi::CallbackInfo& info) {
  auto call = FromHandle<Call>(info[0], "call");
  auto operation = call->operation.lock();
  return Napi::Boolean::New(info.Env(), !call->used || (operation && operation->waiting()));
}

Napi::Value CallGiveUp(const Napi::CallbackInfo& info) {
  auto call = FromHandle<Call>(info[0], "call");
  if (auto operation = call->operation.lock()) operation->GiveUp();
  return info.Env().Undefined();
}

}  // namespace ostree
