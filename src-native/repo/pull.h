// Pulling commits from a remote, or from another repository of this machine.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value Pull(const Napi::CallbackInfo& info);

}  // namespace ostree
