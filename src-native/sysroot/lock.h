// The lock of a sysroot: one process, and in it one handle, changes it at a time.
#pragma once

#include "core/napi.h"
#include "core/ptr.h"

namespace ostree {

// Which sysroots this process has locked, so that whoever waits learns who is in the way.
namespace HeldLocks {
void Forget(const OstreeSysroot* sysroot);
}

Napi::Value SysrootTryLock(const Napi::CallbackInfo& info);
Napi::Value SysrootUnlock(const Napi::CallbackInfo& info);

}  // namespace ostree
