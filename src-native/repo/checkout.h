// Checking out a commit, or a part of it, into a directory.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value CheckoutRun(const Napi::CallbackInfo& info);

}  // namespace ostree
