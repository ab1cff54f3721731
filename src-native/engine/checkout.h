// Checking out a tree: every directory is one piece of work, done on the engine pool; its files are placed,
// then its subdirectories are begun, and when the last of these is done it gets its own mode, owner and time.
#pragma once

#include "core/ptr.h"
#include "engine/checkout_plan.h"
#include "engine/plan.h"

namespace ostree {

// Fails with the path that it could not make, and leaves what it has made. `report` is called from any
// thread.
CheckoutStats RunCheckout(const CheckoutPlan& plan, OstreeRepo* repo, GCancellable* cancellable,
                          const ReportProgress& report);

}  // namespace ostree
