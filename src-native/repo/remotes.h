// Remotes: where a repository pulls from, as its config says.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value RemoteList(const Napi::CallbackInfo& info);
Napi::Value RemoteGet(const Napi::CallbackInfo& info);
Napi::Value RemoteAdd(const Napi::CallbackInfo& info);
Napi::Value RemoteRemove(const Napi::CallbackInfo& info);
Napi::Value RemoteSetOptions(const Napi::CallbackInfo& info);

}  // namespace ostree
