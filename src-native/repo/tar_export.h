// A commit as a tar archive.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value TarExport(const Napi::CallbackInfo& info);

}  // namespace ostree
