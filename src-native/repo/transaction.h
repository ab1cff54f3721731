// Transactions that last over several calls: repo.begin().
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value TransactionBegin(const Napi::CallbackInfo& info);
Napi::Value TransactionWriteCommit(const Napi::CallbackInfo& info);
Napi::Value TransactionSetRef(const Napi::CallbackInfo& info);
Napi::Value TransactionCommit(const Napi::CallbackInfo& info);
Napi::Value TransactionAbort(const Napi::CallbackInfo& info);

}  // namespace ostree
