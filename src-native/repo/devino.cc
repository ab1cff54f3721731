#include "devino.h"

namespace ostree {

// As ostree_repo_devino_cache_new, but for many threads.
Napi::Value DevInoNew(const Napi::CallbackInfo& info) {
  return NewHandle(info.Env(), std::make_shared<DevInoHandle>());
}

Napi::Value DevInoSize(const Napi::CallbackInfo& info) {
  auto size = FromHandle<DevInoHandle>(info[0], "cache")->size();
  return Napi::Number::New(info.Env(), static_cast<double>(size));
}

Napi::Value DevInoClear(const Napi::CallbackInfo& info) {
  FromHandle<DevInoHandle>(info[0], "cache")->Clear();
  return info.Env().Undefined();
}

}  // namespace ostree
