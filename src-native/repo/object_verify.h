// Objects against their names, for those that come from strangers.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value ObjectVerify(const Napi::CallbackInfo& info);

}  // namespace ostree
