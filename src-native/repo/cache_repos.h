// The repositories of this machine that a pull from a server takes objects from.
#pragma once

#include "pull_options.h"

namespace ostree {

// The options without those of localCacheRepos that have a damaged object which is not here: libostree would
// end the process over it, and all that they have can be fetched.
PullOptions WithoutDamagedCaches(PullOptions options, OstreeRepo* repo, GCancellable* cancellable);

}  // namespace ostree
