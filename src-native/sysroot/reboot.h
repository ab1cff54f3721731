// Other ways into the next deployment than a whole reboot, and what must be done after a sysroot was copied.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootSoftReboot(const Napi::CallbackInfo& info);
Napi::Value SysrootClearSoftReboot(const Napi::CallbackInfo& info);
Napi::Value SysrootKexecLoad(const Napi::CallbackInfo& info);
Napi::Value SysrootUpdatePostCopy(const Napi::CallbackInfo& info);

}  // namespace ostree
