// The summary: the list of a repository's refs, one file for those who pull.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value SummaryRead(const Napi::CallbackInfo& info);
Napi::Value SummarySigned(const Napi::CallbackInfo& info);
Napi::Value SummaryCommitMetadata(const Napi::CallbackInfo& info);
Napi::Value SummaryMake(const Napi::CallbackInfo& info);
Napi::Value SummaryInstall(const Napi::CallbackInfo& info);

}  // namespace ostree
