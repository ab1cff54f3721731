// What happens to running work when the process exits without tearing down its
// environment: process.exit() and an uncaught error run no cleanup hooks.
#pragma once

namespace ostree {

// Once, before the first thread starts.
void InstallExitHook();

}  // namespace ostree
