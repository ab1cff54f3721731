// Following an origin: to its latest commit, or to another origin. What must be
// fetched is pulled in between, on a thread that a stalling server may keep.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootUpgradePlan(const Napi::CallbackInfo& info);
Napi::Value SysrootUpgradeRebase(const Napi::CallbackInfo& info);
Napi::Value SysrootUpgradeDeploy(const Napi::CallbackInfo& info);

}  // namespace ostree
