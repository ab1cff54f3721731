// What `ostree admin status` shows beyond the deployments themselves.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootStatus(const Napi::CallbackInfo& info);

}  // namespace ostree
