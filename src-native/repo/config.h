// The config file of a repository.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value ConfigRead(const Napi::CallbackInfo& info);
Napi::Value ConfigWrite(const Napi::CallbackInfo& info);

}  // namespace ostree
