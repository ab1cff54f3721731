// What is loaded, and what it can do.
#pragma once

#include "napi.h"

namespace ostree {

Napi::Value VersionRead(const Napi::CallbackInfo& info);  // () => what is loaded
Napi::Value FeaturesRead(
    const Napi::CallbackInfo& info);  // () => what it can do; null where that cannot be told

}  // namespace ostree
