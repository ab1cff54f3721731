// Before libostree loads the SELinux policies of deployments, by which it labels what it writes.
#pragma once

#include "deployment.h"
#include "engine/sepolicy.h"
#include "sysroot.h"

namespace ostree {

// Throws where one of these has a policy that libostree would end the process over. While it is there, nobody
// else loads a policy.
class DeploymentPolicies {
 public:
  DeploymentPolicies(const Sysroot& sysroot, const DeploymentList& deployments, GCancellable* cancellable);

 private:
  const PolicyTurn turn_;
};

// The same for a commit that is to be deployed: its policy, and the files of its /etc, each of which must
// have a label.
void CheckCommitPolicy(const Sysroot& sysroot, const std::string& commit, GCancellable* cancellable);

}  // namespace ostree
