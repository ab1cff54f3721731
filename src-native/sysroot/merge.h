// Which deployment's /etc a new one would be merged with.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SysrootMergeSource(const Napi::CallbackInfo& info);

}  // namespace ostree
