// Async(): runs a lambda on an executor and returns the promise of its result.
//
//   return Async(args, ReadPool(), [repo, refspec](Job& job) { … return text; });
//
// Nothing of Node-API may be inside the lambda; what it returns crosses by ToJs.
#pragma once

#include "js_thread.h"

namespace ostree {

// Reads arguments in order: auto ref = args.Next<std::string>("ref").
class Args {
 public:
  explicit Args(const Napi::CallbackInfo& info) : info_(info) {}
  Napi::Env Env() const { return info_.Env(); }
  Napi::Value Next() { return info_[index_++]; }
  template <class T>
  T Next(const char* name) {
    return FromJs<T>(info_[index_++], name);
  }
  template <class T>
  std::shared_ptr<T> Handle(const char* name) {
    return FromHandle<T>(info_[index_++], name);
  }

 private:
  const Napi::CallbackInfo& info_;
  size_t index_ = 0;
};

namespace detail {

template <class Fn>
class LambdaWork final : public Work {
 public:
  explicit LambdaWork(Fn fn) : fn_(std::move(fn)) {}

  MakeJs Run(Job& job) override {
    using Result = std::invoke_result_t<Fn&, Job&>;
    if constexpr (std::is_void_v<Result>) {
      fn_(job);
      return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
    } else if constexpr (std::is_same_v<Result, MakeJs>) {
      return fn_(job);  // it makes its own JS value
    } else {
      auto result = std::make_shared<Result>(fn_(job));
      return [result](Napi::Env env) -> Napi::Value { return ToJs(env, *result); };
    }
  }

 private:
  Fn fn_;
};

}  // namespace detail

// The call is the argument that follows those already read.
template <class Fn>
Napi::Value Async(Args& args, const std::shared_ptr<Executor>& executor, Fn fn) {
  auto work = std::make_unique<detail::LambdaWork<Fn>>(std::move(fn));
  return JsThread::Of(args.Env()).Start(args.Next(), *executor, std::move(work));
}

// Progress of any type that crosses.
template <class T>
bool Report(Job& job, T progress) {
  auto shared = std::make_shared<T>(std::move(progress));
  return job.Report([shared](Napi::Env env) -> Napi::Value { return ToJs(env, *shared); });
}

}  // namespace ostree
