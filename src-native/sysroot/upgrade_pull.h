// The part of an upgrade that waits for a server. It runs on a thread and a
// handle of its own, so that the sysroot can be used while a server stalls.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootUpgradePull(const Napi::CallbackInfo& info);

}  // namespace ostree
