// What is different between commits, or directories of this machine.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value DiffFind(const Napi::CallbackInfo& info);

}  // namespace ostree
