// The repository that a local pull reads.
#pragma once

#include "pull_options.h"

namespace ostree {

// Of a pull from a directory of this machine: looks at the objects that it is going to load from there. Over
// a damaged file, libostree would end the process; commits and directories it trusts where it is told to.
void CheckLocalSource(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable);

}  // namespace ostree
