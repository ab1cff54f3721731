// Reading one object, whatever it is, and the checksum that a file on disk would have as one.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value ObjectRead(const Napi::CallbackInfo& info);
Napi::Value ChecksumFile(const Napi::CallbackInfo& info);

}  // namespace ostree
