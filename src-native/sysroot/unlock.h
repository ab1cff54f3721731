// Making /usr of the running system writable.
#pragma once

#include "core/napi.h"

namespace ostree {

// Only for a process of its own: libostree forks here, and the child ends as the process would.
Napi::Value SysrootUnlockUsr(const Napi::CallbackInfo& info);

}  // namespace ostree
