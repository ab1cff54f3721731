// The detached metadata of a commit: beside it, not covered by its checksum.
#pragma once

#include "core/convert.h"

namespace ostree {

// Null when the commit has none. Damaged metadata is CORRUPT here: libostree
// marks it as trusted, and reads whatever it finds.
Shared<GVariant> ReadDetached(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable);
// Null removes it.
void WriteDetached(OstreeRepo* repo, const std::string& checksum, GVariant* metadata,
                   GCancellable* cancellable);

// The bytes of a commit, which are of that checksum: NOT_FOUND or CORRUPT otherwise.
Bytes ReadCommitBytes(OstreeRepo* repo, const std::string& checksum);

Napi::Value DetachedSet(const Napi::CallbackInfo& info);

}  // namespace ostree
