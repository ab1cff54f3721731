// Loading the metadata objects of a repository: commits, dirtrees, dirmetas.
// libostree marks what it loads as trusted and so never looks for damage in it,
// which then ends the process; what comes from here has been checked.
#pragma once

#include <string>

#include "engine/loose.h"
#include "engine/sound_dirtree.h"

namespace ostree {

// The bytes of a metadata object, of any type from dirtree to commitmeta.
// Fails with NOT_FOUND and the checksum when it is not there.
Shared<GBytes> LoadMetadataBytes(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                                 GCancellable* cancellable);

// A commit, dirtree or dirmeta that libostree's own check of its structure has passed; CORRUPT otherwise.
Shared<GVariant> LoadMetadata(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                              GCancellable* cancellable);

// A dirtree that was checked likewise, and what is in it: the names are its own bytes.
struct LoadedDirTree {
  Shared<GBytes> bytes;
  DirTreeView entries;
};
LoadedDirTree LoadDirTreeView(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable);

// The checksum that a checked object has as its child number `index`, in hex.
std::string ChecksumAt(GVariant* object, size_t index);
std::string StringAt(GVariant* object, size_t index);

}  // namespace ostree
