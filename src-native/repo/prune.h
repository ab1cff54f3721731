// prune: deletes what no commit that is kept needs.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value PruneCheckDelete(const Napi::CallbackInfo& info);
Napi::Value PruneScanTrees(const Napi::CallbackInfo& info);
Napi::Value PruneRun(const Napi::CallbackInfo& info);

}  // namespace ostree
