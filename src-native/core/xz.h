// Reading the xz format, by the liblzma that libostree is linked to.
#pragma once

#include "ptr.h"

namespace ostree {

// What `data` decompresses to. Fails with CORRUPT, with TOO_LARGE beyond `limit` bytes, and with
// NOT_SUPPORTED where there is no liblzma.
Shared<GBytes> DecompressXz(const void* data, size_t size, size_t limit, GCancellable* cancellable);

}  // namespace ostree
