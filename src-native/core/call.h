// The `call` that JS passes as the last argument of every asynchronous method:
// the way in for cancelling, the way out for progress. Each serves one call.
#pragma once

#include <memory>

#include "convert.h"
#include "handle.h"
#include "operation.h"

namespace ostree {

struct Call {
  static constexpr napi_type_tag kTag = {0x5d0c1b7a3f9e4c21, 0x9b1f6a0e7c52d834};
  static constexpr const char* kName = "call";
  static constexpr bool kDropOnJsThread = true;  // it holds a reference to a function

  Shared<GCancellable> cancellable = Shared<GCancellable>::Take(g_cancellable_new());
  Napi::FunctionReference on_progress;
  std::weak_ptr<Operation> operation;
  bool used = false;
};

Napi::Value CallNew(const Napi::CallbackInfo& info);     // (onProgress?) => call
Napi::Value CallCancel(const Napi::CallbackInfo& info);  // (call): ends it, or cancels what runs
// (call): whether it waits for others of this process, or may yet come to
Napi::Value CallWaits(const Napi::CallbackInfo& info);
Napi::Value CallGiveUp(
    const Napi::CallbackInfo& info);  // (call): LOCKED, if it waits for others of this process

}  // namespace ostree
