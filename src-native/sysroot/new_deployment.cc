#include "new_deployment.h"

#include "core/main_context.h"
#include "engine/tree_check.h"
#include "finalize.h"
#include "policy.h"
#include "sysroot.h"
#include "write.h"

namespace ostree {
namespace {

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

using DeployTree = decltype(ostree_sysroot_deploy_tree_with_options);

Shared<OstreeDeployment> DeployTreeWith(DeployTree* deploy, const Sysroot& sysroot, NewDeployment& plan,
                                        GCancellable* cancellable) {
  Strv initrds(plan.initrds);
  OstreeSysrootDeployTreeOpts options = {};
  options.override_kernel_argv = plan.kernel_args.get();
  options.overlay_initrds = plan.initrds.empty() ? nullptr : initrds.get();
  Shared<OstreeDeployment> deployment;
  DeploymentPolicies policies(sysroot, {plan.merge}, cancellable);  // whose /etc it takes over
  Try(deploy, sysroot.get(), plan.stateroot.c_str(), plan.checksum.c_str(), plan.origin.get(),
      plan.merge.get(), &options, Out(deployment), cancellable);
  return deployment;
}

Changed Stage(Sysroot& sysroot, NewDeployment& plan, Job& job) {
  // Before, so that a shutdown in between does not finish it.
  if (plan.lock_finalization) LockFinalization();
  auto deployment = DeployTreeWith(ostree_sysroot_stage_tree_with_options, sysroot, plan, job.cancellable());
  Changed changed;
  changed.id = IdOf(deployment.get());
  changed.deployments = TakeSnapshot(sysroot);
  return changed;
}

// Half a tree is of no use.
void CleanUpFailed(const Sysroot& sysroot) {
  try {
    PrepareCleanUp(sysroot, nullptr);
  } catch (const Failure&) {
    // The next deployment begins with the same clean-up; what failed first is what the caller should hear.
  }
}

Changed DeployNow(Sysroot& sysroot, NewDeployment& plan, DeployProgress& progress, Job& job) {
  auto* handle = sysroot.get();
  Shared<OstreeDeployment> deployment;
  try {
    deployment = DeployTreeWith(ostree_sysroot_deploy_tree_with_options, sysroot, plan, job.cancellable());
    ThrowIfCancelled(job.cancellable());
  } catch (const Failure&) {
    CleanUpFailed(sysroot);
    throw;
  }
  progress.Phase("write");
  // Not cancellable: half of it is no state to be in.
  {
    auto all = Deployments(sysroot);
    all.push_back(deployment);
    DeploymentPolicies policies(sysroot, all, nullptr);
    Try(ostree_sysroot_simple_write_deployment, handle, plan.stateroot.c_str(), deployment.get(),
        plan.merge.get(), plan.flags, nullptr);
  }
  progress.Phase("cleanup");
  auto changed = AfterChange(sysroot);
  changed.id = IdOf(deployment.get());
  return changed;
}

}  // namespace

void RequireBooted(const Sysroot& sysroot) {
  if (!ostree_sysroot_get_booted_deployment(sysroot.get()))
    throw Failure("NOT_BOOTED",
                  "The sysroot " + sysroot.path() + " is not booted: nothing would finish what is staged");
}

Changed Deploy(Sysroot& sysroot, NewDeployment& plan, DeployProgress& progress, Job& job) {
  if (plan.stage) RequireBooted(sysroot);
  CheckBootLoader(sysroot, 1);
  CheckWholeCommit(sysroot.repo_handle(), Checksum::FromHex(plan.checksum), job.cancellable());
  CheckCommitPolicy(sysroot, plan.checksum, job.cancellable());
  RequireDescriptors(kDescriptorsOfMany);
  // What earlier attempts left.
  PrepareCleanUp(sysroot, job.cancellable());
  progress.Phase("checkout");
  return plan.stage ? Stage(sysroot, plan, job) : DeployNow(sysroot, plan, progress, job);
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

}  // namespace ostree
