// A native function as JavaScript calls it.
#pragma once

#include "convert.h"

namespace ostree {

using NativeFunction = Napi::Value (*)(const Napi::CallbackInfo&);

namespace detail {

// A Failure on the JS thread is thrown as what a failed operation rejects with.
inline Napi::Value CallNative(const Napi::CallbackInfo& info) {
  try {
    return reinterpret_cast<NativeFunction>(info.Data())(info);
  } catch (const Failure& failure) {
    napi_throw(info.Env(), ToJs(info.Env(), failure));
    return {};
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {  // no memory, say
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace detail

inline Napi::Function Export(Napi::Env env, const char* name, NativeFunction function) {
  return Napi::Function::New(env, detail::CallNative, name, reinterpret_cast<void*>(function));
}

}  // namespace ostree
