// The refs and commits that a summary tells of. libostree trusts them and crashes on
// a damaged one.
#pragma once

#include "ref_update.h"

namespace ostree {

// Fails with CORRUPT or NOT_FOUND, and the ref, before ostree_repo_regenerate_summary() would read them.
void CheckSummaryCommits(OstreeRepo* repo, GCancellable* cancellable);
// The same where changing refs makes a summary (core.auto-update-summary), of the commits they will name
// then.
void CheckAutoSummary(OstreeRepo* repo, const std::vector<RefUpdate>& updates, GCancellable* cancellable);

}  // namespace ostree
