// Writing single objects into a transaction.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value TransactionWriteFiles(const Napi::CallbackInfo& info);
Napi::Value TransactionWriteTree(const Napi::CallbackInfo& info);
Napi::Value TransactionImport(const Napi::CallbackInfo& info);

}  // namespace ostree
