// The hard links of checkouts that JS remembers for its commits.
#pragma once

#include "core/handle.h"
#include "engine/devino.h"

namespace ostree {

// What JS holds of one. Any number of operations may use it at once.
struct DevInoHandle : DevInoCache {
  static constexpr napi_type_tag kTag = {0x3e91b7c40d6a25f8, 0x8c5fd2074a1be693};
  static constexpr const char* kName = "devino cache";
  static constexpr bool kDropOnJsThread = false;
};

Napi::Value DevInoNew(const Napi::CallbackInfo& info);    // () => cache
Napi::Value DevInoSize(const Napi::CallbackInfo& info);   // (cache) => number
Napi::Value DevInoClear(const Napi::CallbackInfo& info);  // (cache)

}  // namespace ostree
