// Files of a commit, read without a checkout.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value FileRead(const Napi::CallbackInfo& info);
Napi::Value FileOpen(const Napi::CallbackInfo& info);
Napi::Value FileFill(const Napi::CallbackInfo& info);
Napi::Value FileSeek(const Napi::CallbackInfo& info);
Napi::Value FileClose(const Napi::CallbackInfo& info);

}  // namespace ostree
