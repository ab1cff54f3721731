// The list of sizes that a commit may carry, so that whoever is to pull it knows how much that will be.
#pragma once

#include "core/ptr.h"
#include "engine/checksum.h"

namespace ostree {

// The value of `ostree.sizes`, aay, as `ostree commit --generate-sizes` writes it: of every object of the
// tree, its checksum, its size as the archive has it, its size unpacked, and its type.
Shared<GVariant> SizesOf(OstreeRepo* repo, const Checksum& contents, const Checksum& metadata,
                         GCancellable* cancellable);

}  // namespace ostree
