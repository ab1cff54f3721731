// What happens to a staged deployment as the system goes down: it is finished, unless that is locked.
#pragma once

#include "core/napi.h"

namespace ostree {

// From now on nothing that is staged is finished.
void LockFinalization();

Napi::Value SysrootFinalizeState(const Napi::CallbackInfo& info);
Napi::Value SysrootLockFinalization(const Napi::CallbackInfo& info);

}  // namespace ostree
