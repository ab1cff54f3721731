// The repository that a local pull reads.
#pragma once

#include "engine/checksum.h"
#include "pull_options.h"

namespace ostree {

struct LocalSource {
  Shared<OstreeRepo> repo;      // null: the pull is not from a directory, or needs none of its files
  std::vector<Checksum> files;  // of all that is pulled, sorted
};

// Of a pull from a directory of this machine: looks at the objects that it is going to load from there. Over
// a damaged file, libostree would end the process; commits and directories it trusts where it is told to.
LocalSource CheckLocalSource(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable);

}  // namespace ostree
