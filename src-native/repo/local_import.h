// Objects of another repository of this machine, taken ahead of a pull.
#pragma once

#include <vector>

#include "core/async.h"
#include "local_source.h"
#include "repo.h"

namespace ostree {

// Takes the files that a large local pull is going to need, on all cores, and returns how many. libostree
// would queue them all at once, and each that ends looks through the queue for its way to be cancelled:
// 50,000 take 40 s so. What cannot be taken is left to the pull, which says why.
uint32_t ImportAhead(const Repo& repo, OstreeRepo* handle, const LocalSource& source,
                     const PullOptions& options, Job& job);

}  // namespace ostree
