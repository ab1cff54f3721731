// From a name to a commit, for every operation that takes a revision.
#pragma once

#include <string>

#include "core/failure.h"

namespace ostree {

// ref, remote:ref, checksum, unique abbreviation, rev^; fails with NOT_FOUND.
std::string ResolveRev(OstreeRepo* repo, const std::string& rev,
                       OstreeRepoResolveRevExtFlags flags = OSTREE_REPO_RESOLVE_REV_EXT_NONE);

}  // namespace ostree
