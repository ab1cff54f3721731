// What a pull from another repository of this machine leaves open, filled in:
// libostree itself would verify nothing there.
#pragma once

#include "pull_options.h"

namespace ostree {

// Of a file:// source: all of its refs when none are named, and what the config of the
// remote that they become refs of says must be signed.
PullOptions WithLocalDefaults(PullOptions options, OstreeRepo* repo, GCancellable* cancellable);

}  // namespace ostree
