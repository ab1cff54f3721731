// Following an origin: to its latest commit, or to another origin.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootUpgradePlan(const Napi::CallbackInfo& info);
Napi::Value SysrootUpgradeDeploy(const Napi::CallbackInfo& info);

}  // namespace ostree
