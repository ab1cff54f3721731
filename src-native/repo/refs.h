// Refs: names for commits.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value RefResolve(const Napi::CallbackInfo& info);

}  // namespace ostree
