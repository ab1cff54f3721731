// What is done to deployments that are there: their order, pins, origins, removal.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootMakeDefault(const Napi::CallbackInfo& info);
Napi::Value SysrootRollBack(const Napi::CallbackInfo& info);
Napi::Value SysrootUndeploy(const Napi::CallbackInfo& info);
Napi::Value SysrootPin(const Napi::CallbackInfo& info);
Napi::Value SysrootSetOrigin(const Napi::CallbackInfo& info);
Napi::Value SysrootCleanup(const Napi::CallbackInfo& info);

}  // namespace ostree
