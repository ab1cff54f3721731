// fsck: whether a repository holds what its commits need, unharmed.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value FsckRun(const Napi::CallbackInfo& info);
Napi::Value FsckBury(const Napi::CallbackInfo& info);

}  // namespace ostree
