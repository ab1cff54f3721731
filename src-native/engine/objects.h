// Reading the metadata objects of a repository, checked before they are used.
#pragma once

#include <string>

#include "core/ptr.h"
#include "engine/metadata.h"
#include "engine/sound_dirtree.h"

namespace ostree {

// Checksum of a metadata object: of its bytes.
Checksum ChecksumOf(GVariant* object);

// Child number `index`, an `ay` with a checksum in it.
Checksum ChecksumChild(GVariant* parent, size_t index);

DirContents ParseDirContents(GVariant* dirtree);
DirContents LoadDirTree(OstreeRepo* repo, const Checksum& checksum);

struct DirMetadata {
  Owner owner;
  Xattrs xattrs;
};
DirMetadata ParseDirMeta(GVariant* dirmeta);
DirMetadata LoadDirMeta(OstreeRepo* repo, const Checksum& checksum);

// The root of a commit, or the directory at `subpath` of it.
DirContents::Dir LoadCommitRoot(OstreeRepo* repo, const Checksum& commit, const std::string& subpath);

}  // namespace ostree
