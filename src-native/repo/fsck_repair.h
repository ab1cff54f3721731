// What an fsck does around a pull that fetches bad objects again: they are set
// aside, and whatever the pull did not bring is put back.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value FsckSetAside(const Napi::CallbackInfo& info);
Napi::Value FsckSettle(const Napi::CallbackInfo& info);

}  // namespace ostree
