// Reading static deltas, and making commits of them.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value DeltaRead(const Napi::CallbackInfo& info);
Napi::Value DeltaOpen(const Napi::CallbackInfo& info);
Napi::Value DeltaCheck(const Napi::CallbackInfo& info);
Napi::Value DeltaSigned(const Napi::CallbackInfo& info);
Napi::Value DeltaApply(const Napi::CallbackInfo& info);

}  // namespace ostree
