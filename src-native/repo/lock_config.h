// What a repository's config says of libostree's lock, over some of which libostree ends the process.
#pragma once

#include "core/ptr.h"

namespace ostree {

// Whether libostree takes locks at all, by core.locking.
bool TakesLocks(GKeyFile* config);
// Fails with CORRUPT over a core.lock-timeout-secs that libostree asserts not to be.
void CheckLockTimeout(GKeyFile* config);
// As the file has it now, which the handle may not have read yet; null: it cannot be read.
Owned<GKeyFile> ReadConfigFile(OstreeRepo* repo);

}  // namespace ostree
