#include "deploy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "repo/rev.h"
#include "sysroot.h"
#include "write.h"

namespace ostree {
namespace {

constexpr const char* kRunState = "/run/ostree";
constexpr const char* kStagedLocked = "/run/ostree/staged-deployment-locked";

struct PhaseInfo {
  std::string phase;
  std::optional<std::string> message;
  void Fields(auto&& field) {
    field("phase", phase);
    field("message", message);
  }
};

// An array of strings as C takes it; the strings stay where they are.
class Strv {
 public:
  explicit Strv(const std::vector<std::string>& strings) {
    for (const auto& text : strings) pointers_.push_back(const_cast<char*>(text.c_str()));
    pointers_.push_back(nullptr);
  }
  char** get() { return pointers_.data(); }

 private:
  std::vector<char*> pointers_;
};

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

// Before staging, so that a shutdown in between does not finish it.
void LockFinalization() {
  if (mkdir(kRunState, 0755) < 0 && errno != EEXIST) throw Failure::Errno("mkdir", kRunState);
  Fd file(open(kStagedLocked, O_CREAT | O_WRONLY | O_NOCTTY | O_CLOEXEC, 0640));
  if (!file) throw Failure::Errno("open", kStagedLocked);
}

OstreeSysrootSimpleWriteDeploymentFlags WriteFlags(const DeployRequest& request) {
  int flags = OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_NO_CLEAN;
  if (request.retain) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_RETAIN;
  if (request.retainPending) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_RETAIN_PENDING;
  if (request.retainRollback) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_RETAIN_ROLLBACK;
  if (request.notAsDefault) flags |= OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_NOT_DEFAULT;
  return static_cast<OstreeSysrootSimpleWriteDeploymentFlags>(flags);
}

// One deployment in the making.
struct Plan {
  std::string stateroot, checksum;
  Owned<GKeyFile> origin;
  Shared<OstreeDeployment> merge;
  OwnedStrv kernel_args;
  std::vector<std::string> initrds;
};

Plan MakePlan(Sysroot& sysroot, const DeployRequest& request, GCancellable* cancellable) {
  auto* handle = sysroot.get();
  Plan plan;
  plan.stateroot = ChooseStateroot(sysroot, request.stateroot);
  plan.checksum = ResolveRev(sysroot.repo_handle(), request.rev);
  plan.origin = FromOrigin(request.origin ? *request.origin : Origin{{"refspec", request.rev}});
  if (!request.noMerge)
    plan.merge =
        Shared<OstreeDeployment>::Take(ostree_sysroot_get_merge_deployment(handle, plan.stateroot.c_str()));
  plan.kernel_args = KernelArgsFor(request, plan.merge.get(), cancellable);
  plan.initrds = StageOverlayInitrds(handle, request.overlayInitrds, cancellable);
  return plan;
}

using DeployTree = decltype(ostree_sysroot_deploy_tree_with_options);

Shared<OstreeDeployment> DeployTreeWith(DeployTree* deploy, OstreeSysroot* sysroot, Plan& plan,
                                        GCancellable* cancellable) {
  Strv initrds(plan.initrds);
  OstreeSysrootDeployTreeOpts options = {};
  options.override_kernel_argv = plan.kernel_args.get();
  options.overlay_initrds = plan.initrds.empty() ? nullptr : initrds.get();
  Shared<OstreeDeployment> deployment;
  Try(deploy, sysroot, plan.stateroot.c_str(), plan.checksum.c_str(), plan.origin.get(), plan.merge.get(),
      &options, Out(deployment), cancellable);
  return deployment;
}

Changed Stage(Sysroot& sysroot, const DeployRequest& request, Plan& plan, Job& job) {
  if (request.lockFinalization) LockFinalization();
  auto deployment =
      DeployTreeWith(ostree_sysroot_stage_tree_with_options, sysroot.get(), plan, job.cancellable());
  Changed changed;
  changed.id = IdOf(deployment.get());
  changed.deployments = TakeSnapshot(sysroot);
  return changed;
}

// Half a tree is of no use.
void CleanUpFailed(OstreeSysroot* sysroot) {
  try {
    Try(ostree_sysroot_prepare_cleanup, sysroot, nullptr);
  } catch (const Failure&) {
    // The next deployment begins with the same clean-up; what failed first is what the caller should hear.
  }
}

Changed DeployNow(Sysroot& sysroot, const DeployRequest& request, Plan& plan, DeployProgress& progress,
                  Job& job) {
  auto* handle = sysroot.get();
  CheckBootLoader(sysroot, 1);
  Shared<OstreeDeployment> deployment;
  try {
    deployment = DeployTreeWith(ostree_sysroot_deploy_tree_with_options, handle, plan, job.cancellable());
    ThrowIfCancelled(job.cancellable());
  } catch (const Failure&) {
    CleanUpFailed(handle);
    throw;
  }
  progress.Phase("write");
  // Not cancellable: half of it is no state to be in.
  Try(ostree_sysroot_simple_write_deployment, handle, plan.stateroot.c_str(), deployment.get(),
      plan.merge.get(), WriteFlags(request), nullptr);
  progress.Phase("cleanup");
  auto changed = AfterChange(sysroot);
  changed.id = IdOf(deployment.get());
  return changed;
}

// As `ostree admin deploy`.
Changed Deploy(Sysroot& sysroot, const DeployRequest& request, Job& job) {
  DeployProgress progress(sysroot, job);
  progress.Phase("prepare");
  auto* handle = sysroot.LoadForChange(job.cancellable());
  if (request.stage) RequireBooted(sysroot);
  auto plan = MakePlan(sysroot, request, job.cancellable());
  // What earlier attempts left.
  Try(ostree_sysroot_prepare_cleanup, handle, job.cancellable());
  progress.Phase("checkout");
  return request.stage ? Stage(sysroot, request, plan, job)
                       : DeployNow(sysroot, request, plan, progress, job);
}

}  // namespace

std::string ChooseStateroot(const Sysroot& sysroot, const std::optional<std::string>& asked) {
  auto* booted = ostree_sysroot_get_booted_deployment(sysroot.get());
  if (!asked && !booted)
    throw Failure("NOT_BOOTED", "The sysroot " + sysroot.path() + " is not booted: name a stateroot");
  std::string stateroot = asked ? *asked : ostree_deployment_get_osname(booted);
  auto directory = "ostree/deploy/" + stateroot + "/var";
  if (faccessat(ostree_sysroot_get_fd(sysroot.get()), directory.c_str(), F_OK, 0) < 0)
    throw Failure("NOT_FOUND", "There is no stateroot '" + stateroot + "' in the sysroot " + sysroot.path() +
                                   ": initStateroot() makes one");
  return stateroot;
}

void RequireBooted(const Sysroot& sysroot) {
  if (!ostree_sysroot_get_booted_deployment(sysroot.get()))
    throw Failure("NOT_BOOTED",
                  "The sysroot " + sysroot.path() + " is not booted: nothing would finish what is staged");
}

DeployProgress::DeployProgress(const Sysroot& sysroot, Job& job)
    : job_(job),
      sysroot_(sysroot.get()),
      handler_(g_signal_connect(sysroot_, "journal-msg", G_CALLBACK(OnMessage), this)) {}

DeployProgress::~DeployProgress() { g_signal_handler_disconnect(sysroot_, handler_); }

void DeployProgress::Phase(const char* phase) {
  phase_ = phase;
  Send();
}

void DeployProgress::OnMessage(OstreeSysroot*, const char* message, void* self) {
  auto* progress = static_cast<DeployProgress*>(self);
  progress->message_ = ValidUtf8(message);
  progress->Send();
}

void DeployProgress::Send() {
  if (job_.wants_progress()) Report(job_, PhaseInfo{phase_, message_});
}

// ostree_sysroot_deploy_tree_with_options, ostree_sysroot_simple_write_deployment,
// ostree_sysroot_stage_tree_with_options
Napi::Value SysrootDeploy(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto request = args.Next<DeployRequest>("request");
  return Async(args, sysroot->Change("a deployment"),
               [sysroot, request](Job& job) { return Deploy(*sysroot, request, job); });
}

}  // namespace ostree
