// Refs: names for commits.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value RefResolve(const Napi::CallbackInfo& info);
Napi::Value RefList(const Napi::CallbackInfo& info);
Napi::Value RefSet(const Napi::CallbackInfo& info);
Napi::Value RefSetAlias(const Napi::CallbackInfo& info);

}  // namespace ostree
