// What was written, on the disk itself.
#pragma once

#include "napi.h"

namespace ostree {

Napi::Value SyncFileSystem(const Napi::CallbackInfo& info);

}  // namespace ostree
