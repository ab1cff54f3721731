// From a name to a commit, for every operation that takes a revision, and the
// failures that all who move refs share.
#pragma once

#include <string>

#include "core/convert.h"

namespace ostree {

// ref, remote:ref, checksum, unique abbreviation, rev^; fails with NOT_FOUND.
std::string ResolveRev(OstreeRepo* repo, const std::string& rev,
                       OstreeRepoResolveRevExtFlags flags = OSTREE_REPO_RESOLVE_REV_EXT_NONE);

// PARTIAL where an object is missing: no surprise where the commit is known not to be here as a whole.
void ExplainMissing(OstreeRepo* repo, const std::string& rev, Failure& failure);
Failure RefNotFound(const std::string& ref);
// The ref names something else than the caller built on; null: it is not there.
Failure RefConflict(const std::string& ref, const Nullable<std::string>& expected,
                    const Nullable<std::string>& actual);

}  // namespace ostree
