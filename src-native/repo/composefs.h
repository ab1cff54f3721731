// composefs: the image of a commit, and its digest in the commit's metadata. Only libostree can make either.
#pragma once

#include "core/napi.h"
#include "engine/plan.h"

namespace ostree {

constexpr const char* kComposefsDigestKey = "ostree.composefs.digest.v0";

// NOT_SUPPORTED, naming the version, unless the library can put digests into commits.
void RequireComposefsMetadata();
// The metadata with the digest of the tree's image in it, as `ostree commit --generate-composefs-metadata`
// adds it. `root` is the same tree.
Shared<GVariant> WithComposefsDigest(OstreeRepo* repo, const WrittenTree& tree, GVariant* metadata,
                                     GFile* root, GCancellable* cancellable);

Napi::Value ComposefsCheckout(const Napi::CallbackInfo& info);

}  // namespace ostree
