// The repository that a local pull reads.
#pragma once

#include "pull_options.h"

namespace ostree {

// Of a pull from a directory of this machine: looks at the files that it is going to load from there. Over a
// damaged one, libostree would end the process.
void CheckLocalSource(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable);

}  // namespace ostree
