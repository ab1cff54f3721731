// What a remote offers: its summary, fetched over the network.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value RemoteSummary(const Napi::CallbackInfo& info);

}  // namespace ostree
