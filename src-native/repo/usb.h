// Copying refs of collections to a repository on a medium that may be taken
// away afterwards: nothing of it stays open.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value UsbCopy(const Napi::CallbackInfo& info);

}  // namespace ostree
