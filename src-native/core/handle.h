// A native object held by JS: an opaque, type-tagged object around a shared_ptr.
// T has `static constexpr napi_type_tag kTag` and `static constexpr const char* kName`.
#pragma once

#include <memory>
#include <string>

#include "convert.h"
#include "executor.h"

namespace ostree {

template <class T>
Napi::Object NewHandle(Napi::Env env, std::shared_ptr<T> value) {
  auto object = Napi::Object::New(env);
  object.TypeTag(&T::kTag);
  auto* holder = new std::shared_ptr<T>(std::move(value));
  // The collector's thread must not wait for a disk or a lock: the last
  // reference goes elsewhere.
  auto finalize = [](napi_env, void* data, void*) {
    std::unique_ptr<std::shared_ptr<T>> holder(static_cast<std::shared_ptr<T>*>(data));
    if constexpr (T::kDropOnJsThread)
      return;
    else
      RunLater([value = std::move(*holder)] {});
  };
  napi_wrap(env, object, holder, finalize, nullptr, nullptr);
  return object;
}

template <class T>
std::shared_ptr<T> FromHandle(Napi::Value value, const char* name) {
  void* data = nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&T::kTag) ||
      napi_unwrap(value.Env(), value, &data) != napi_ok)
    throw ArgTypeError(value.Env(), std::string(name) + " must be a native " + T::kName);
  return *static_cast<std::shared_ptr<T>*>(data);
}

namespace detail {

// A handle as part of an argument or a result.
template <class T>
requires requires { T::kTag; }
struct Convert<std::shared_ptr<T>> {
  static std::shared_ptr<T> From(Napi::Value value, const std::string& name) {
    return FromHandle<T>(value, name.c_str());
  }
  static Napi::Value To(Napi::Env env, std::shared_ptr<T>& value) { return NewHandle(env, value); }
};

}  // namespace detail
}  // namespace ostree
