// The program in one part of a static delta, before libostree runs it: what
// libostree asserts there, and would end the process for, is CORRUPT here.
#pragma once

#include "core/failure.h"

namespace ostree {

struct DeltaPartUse {
  GVariant* objects;               // what the superblock says that the part makes
  bool archive = false;            // into an archive repository, which takes whole objects only
  size_t limit = size_t{1} << 30;  // bytes that it may decompress to
};

// `part` is its compression byte and the rest. Fails with CORRUPT; with NOT_SUPPORTED when an archive
// repository cannot take it.
void CheckDeltaPart(const Shared<GBytes>& part, const DeltaPartUse& use, GCancellable* cancellable);

}  // namespace ostree
