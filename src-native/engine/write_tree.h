// Writes a tree of files into the open transaction of a repository, on all
// cores, with the same result as libostree's own single-threaded path.
#pragma once

#include "core/ptr.h"
#include "engine/plan.h"

namespace ostree {

// Before it returns, every object of the tree is in the transaction. When it
// throws, some may be; whoever began the transaction aborts it. `report` is
// called on any thread, never on two at once.
WrittenTree WriteTree(const CommitPlan& plan, OstreeRepo* repo, GCancellable* cancellable,
                      const ReportProgress& report = {});

}  // namespace ostree
