// Pulling from remotes that were found.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value PullFromRemotes(const Napi::CallbackInfo& info);

}  // namespace ostree
