// Making sysroots and stateroots.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootInit(const Napi::CallbackInfo& info);
Napi::Value SysrootInitStateroot(const Napi::CallbackInfo& info);

}  // namespace ostree
