// What a path in a commit is: type, mode, owner, target, extended attributes.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value TreeStat(const Napi::CallbackInfo& info);
Napi::Value TreeReadlink(const Napi::CallbackInfo& info);
Napi::Value TreeXattrs(const Napi::CallbackInfo& info);

}  // namespace ostree
