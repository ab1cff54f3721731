// The repositories on mounted media, where libostree looks for refs of collections.
#pragma once

namespace ostree {

// Fails with CORRUPT, naming the directory, where a medium has a repository that libostree cannot look at: it
// would end the process.
void CheckMedia();

}  // namespace ostree
