// What is loaded, and what it can do.
#pragma once

#include "napi.h"

namespace ostree {

// Whether libostree can make composefs images at all: its functions are there without it, too.
bool BuiltWithComposefs();

Napi::Value VersionRead(const Napi::CallbackInfo& info);  // () => what is loaded
Napi::Value FeaturesRead(
    const Napi::CallbackInfo& info);  // () => what it can do; null where that cannot be told

}  // namespace ostree
