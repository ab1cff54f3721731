// Whether refs and commits name each other: what `ostree fsck --verify-bindings`
// and `--verify-back-refs` check.
#pragma once

#include <optional>
#include <string>

#include "ref_targets.h"

namespace ostree {

// What is wrong with the bindings of the commit that the ref names; empty when nothing is.
std::optional<std::string> CheckBindings(GVariant* commit, const KeptRef& ref);

// The same for the refs that the commit says it belongs to: each has to name it.
std::optional<std::string> CheckBackRefs(OstreeRepo* repo, GVariant* commit, const std::string& checksum,
                                         GCancellable* cancellable);

}  // namespace ostree
