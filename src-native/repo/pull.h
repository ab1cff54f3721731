// Pulling commits from a remote, or from another repository of this machine.
#pragma once

#include <chrono>

#include "pull_options.h"
#include "repo.h"

namespace ostree {

// Of a view, which has one handle: a pull that fails would abort the transaction
// that is open on it, unless it is told that it runs inside. Told so where there is none, it aborts the
// process.
bool InTransaction(OstreeRepo* handle);

std::optional<std::chrono::milliseconds> StallTimeout(const PullOptions& options);
// The failure when that is over.
Failure Stalled(const PullOptions& options);

Napi::Value Pull(const Napi::CallbackInfo& info);

}  // namespace ostree
