// Which remotes have what is wanted of a collection: those of the config, those
// on mounted media, those of the local network, or at given URLs.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value FindRemotes(const Napi::CallbackInfo& info);

}  // namespace ostree
