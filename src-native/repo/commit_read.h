// Commits: what they say of themselves, and their history.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value CommitRead(const Napi::CallbackInfo& info);
Napi::Value CommitLog(const Napi::CallbackInfo& info);

}  // namespace ostree
