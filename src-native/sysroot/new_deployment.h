// A deployment in the making, by whatever way it was decided on: checked out
// and written, or staged.
#pragma once

#include "core/async.h"
#include "deployment.h"

namespace ostree {

struct NewDeployment {
  std::string stateroot, checksum;
  Owned<GKeyFile> origin;
  Shared<OstreeDeployment> merge;    // whose configuration it takes over; null: nobody's
  OwnedStrv kernel_args;             // null: those of the merge deployment, as they are
  std::vector<std::string> initrds;  // the checksums of what was staged
  bool stage = false, lock_finalization = false;
  OstreeSysrootSimpleWriteDeploymentFlags flags = OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_NONE;
};

// Tells JS what is being done while it lives: the phases, and libostree's own messages.
class DeployProgress {
 public:
  DeployProgress(const Sysroot& sysroot, Job& job);
  ~DeployProgress();
  DeployProgress(const DeployProgress&) = delete;

  // "prepare", "checkout", "write", "cleanup"
  void Phase(const char* phase);

 private:
  static void OnMessage(OstreeSysroot* sysroot, const char* message, void* self);
  void Send();

  Job& job_;
  OstreeSysroot* const sysroot_;
  gulong handler_;
  std::string phase_;
  std::optional<std::string> message_;
};

// Throws NOT_BOOTED: only a booted system can finish a staged deployment.
void RequireBooted(const Sysroot& sysroot);
// After LoadForChange(), under the lock.
Changed Deploy(Sysroot& sysroot, NewDeployment& plan, DeployProgress& progress, Job& job);

}  // namespace ostree
