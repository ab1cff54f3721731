// Writing the list of deployments: the boot entries, and the clean-up that follows.
#pragma once

#include "deployment.h"

namespace ostree {

// All for the sysroot's own thread, after LoadForChange(), under the lock.

// Refuses what libostree's boot loader backends abort on.
void CheckBootLoader(const Sysroot& sysroot, size_t deployments);
// What boots next comes first. A staged deployment must stay first, or it is dropped.
Changed WriteDeployments(Sysroot& sysroot, const DeploymentList& deployments);
// ostree_sysroot_prepare_cleanup, ostree_sysroot_cleanup. Both move refs, the second deletes objects: they
// fail where the repository has what libostree crashes on then.
void PrepareCleanUp(const Sysroot& sysroot, GCancellable* cancellable);
// After a change took effect: cleans up and takes the snapshot. A clean-up that
// fails is a warning, not a failure of the change; the next one catches up.
Changed AfterChange(Sysroot& sysroot);
// CORRUPT before anything was touched where the repository is damaged.
void CleanUp(Sysroot& sysroot, GCancellable* cancellable);
// A freeze of /boot leaves a child behind that nobody waits for.
void ReapChildren();

}  // namespace ostree
