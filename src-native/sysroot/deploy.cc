#include "deploy.h"

#include <fcntl.h>

#include "init.h"
#include "new_deployment.h"
#include "repo/rev.h"
#include "sysroot.h"

namespace ostree {
namespace {

// NULL lets libostree take over those of the merge deployment as they are.
OwnedStrv KernelArgsFor(const DeployRequest& request, OstreeDeployment* merge, GCancellable* cancellable) {
  bool merged = request.kernelArgsBase == "merge";
  if (merged && request.kernelArgs.empty()) return nullptr;
  const char* previous = merged && merge ? BootOptions(merge) : nullptr;
  Owned<OstreeKernelArgs> arguments(ostree_kernel_args_from_string(previous));
  if (request.kernelArgsBase == "proc-cmdline")
    Try(ostree_kernel_args_append_proc_cmdline, arguments.get(), cancellable);
  Apply(request.kernelArgs, arguments.get());
  return OwnedStrv(ostree_kernel_args_to_strv(arguments.get()));
}

std::vector<std::string> StageOverlayInitrds(OstreeSysroot* sysroot, const std::vector<std::string>& paths,
                                             GCancellable* cancellable) {
  std::vector<std::string> checksums;
  for (const auto& path : paths) {
    Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) throw Failure::Errno("open", path);
    Owned<char> checksum;
    Try(ostree_sysroot_stage_overlay_initrd, sysroot, file.get(), Out(checksum), cancellable);
    checksums.push_back(checksum.get());
  }
  return checksums;
}

OstreeSysrootSimpleWriteDeploymentFlags WriteFlags(const DeployRequest& request) {
  int flags = OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_NO_CLEAN;
  if (request.retain) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_RETAIN;
  if (request.retainPending) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_RETAIN_PENDING;
  if (request.retainRollback) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_RETAIN_ROLLBACK;
  if (request.notAsDefault) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_NOT_DEFAULT;
  return static_cast<OstreeSysrootSimpleWriteDeploymentFlags>(flags);
}

NewDeployment MakePlan(Sysroot& sysroot, const DeployRequest& request, GCancellable* cancellable) {
  if (request.stage) RequireBooted(sysroot);
  NewDeployment plan;
  plan.stateroot = ChooseStateroot(sysroot, request.stateroot);
  plan.checksum = ResolveRev(sysroot.repo_handle(), request.rev);
  plan.origin = FromOrigin(request.origin ? *request.origin : Origin{{"refspec", request.rev}});
  if (!request.noMerge)
    plan.merge = Shared<OstreeDeployment>::Take(
        ostree_sysroot_get_merge_deployment(sysroot.get(), plan.stateroot.c_str()));
  plan.kernel_args = KernelArgsFor(request, plan.merge.get(), cancellable);
  plan.initrds = StageOverlayInitrds(sysroot.get(), request.overlayInitrds, cancellable);
  plan.stage = request.stage;
  plan.lock_finalization = request.lockFinalization;
  plan.flags = WriteFlags(request);
  return plan;
}

}  // namespace

// ostree_sysroot_deploy_tree_with_options, ostree_sysroot_simple_write_deployment,
// ostree_sysroot_stage_tree_with_options
Napi::Value SysrootDeploy(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto request = args.Next<DeployRequest>("request");
  return Async(args, sysroot->Change("a deployment"), [sysroot, request](Job& job) {
    DeployProgress progress(*sysroot, job);
    progress.Phase("prepare");
    sysroot->LoadForChange(job.cancellable());
    auto plan = MakePlan(*sysroot, request, job.cancellable());
    return Deploy(*sysroot, plan, progress, job);
  });
}

}  // namespace ostree
