// What the administrator changed in /etc of a deployment, against what its commit ships in /usr/etc.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootConfigDiff(const Napi::CallbackInfo& info);

}  // namespace ostree
