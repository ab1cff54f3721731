// Refs by the collection they belong to.
#pragma once

#include <string>
#include <vector>

#include "core/failure.h"

namespace ostree {

struct CollectionRef {
  std::string collection, ref, checksum;
};

// As ostree_repo_list_collection_refs(), which ends the process over a name that is no collection id: here
// such a name is left out, for nothing can be named by it.
std::vector<CollectionRef> ListCollectionRefs(OstreeRepo* repo, int flags, GCancellable* cancellable);

// For functions of libostree that list the refs of all collections themselves. Fails with CORRUPT and the
// path of what is no collection and has something in it.
void CheckMirrors(OstreeRepo* repo);
// Of the repository in this directory, whose path is to stand before that.
void CheckMirrors(int repo, const std::string& where = "");

}  // namespace ostree
