// The metadata objects that were read last, in memory: whoever reads files of one
// commit comes through the same directories again and again.
#pragma once

#include "engine/load_metadata.h"

namespace ostree {

// As LoadMetadata(), which reads and checks each time. What is kept is used only for an object file that is
// the same, and there, now.
Shared<GVariant> LoadMetadataCached(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                                    GCancellable* cancellable);

}  // namespace ostree
