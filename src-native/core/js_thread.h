// One JavaScript environment (the main thread's or a Worker's): the JS halves
// of its operations, touched on its own thread only.
#pragma once

#include <memory>
#include <unordered_map>

#include "call.h"
#include "doorbell.h"
#include "executor.h"

namespace ostree {

class JsThread {
 public:
  static void Install(Napi::Env env);
  static JsThread& Of(Napi::Env env);

  // Posts the work and returns the promise of its result.
  Napi::Promise Start(Napi::Value call, Executor& executor, std::unique_ptr<Work> work);

  // (type, bytes) => Variant, from lib/variant.ts
  Napi::FunctionReference make_variant;

 private:
  struct Half {
    Napi::Promise::Deferred deferred;
    Napi::ObjectReference call_object;  // the call, and with it onProgress, lives as long as the operation
    std::shared_ptr<Call> call;
    std::shared_ptr<Operation> operation;
    std::optional<Napi::Error> thrown;  // by onProgress
  };

  explicit JsThread(Napi::Env env);
  static void OnRing(napi_env env, napi_value, void* self, void*);
  void Drain(Napi::Env env);
  void Deliver(Napi::Env env, Operation& operation);
  void Progress(Napi::Env env, Operation& operation);
  void Settle(Napi::Env env, Operation& operation);
  void Teardown();

  Napi::Env env_;
  std::shared_ptr<Doorbell> doorbell_;
  std::unordered_map<uint64_t, Half> halves_;
  uint64_t next_id_ = 1;
};

}  // namespace ostree
