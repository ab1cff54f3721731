// Static deltas: all that makes one commit of another, in a few files.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value DeltaGenerate(const Napi::CallbackInfo& info);
Napi::Value DeltaPublish(const Napi::CallbackInfo& info);
Napi::Value DeltaDiscard(const Napi::CallbackInfo& info);
Napi::Value DeltaList(const Napi::CallbackInfo& info);
Napi::Value DeltaIndexes(const Napi::CallbackInfo& info);
Napi::Value DeltaReindex(const Napi::CallbackInfo& info);
Napi::Value DeltaRemove(const Napi::CallbackInfo& info);

}  // namespace ostree
