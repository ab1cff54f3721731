// The entries of a directory of a commit, and of all that is below it.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value TreeList(const Napi::CallbackInfo& info);
Napi::Value TreeWalk(const Napi::CallbackInfo& info);

}  // namespace ostree
