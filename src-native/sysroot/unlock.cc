#include "unlock.h"

#include "core/async.h"
#include "new_deployment.h"
#include "sysroot.h"
#include "write.h"

namespace ostree {
namespace {

OstreeDeploymentUnlockedState StateOf(Napi::Env env, const std::string& mode) {
  if (mode == "development") return OSTREE_DEPLOYMENT_UNLOCKED_DEVELOPMENT;
  if (mode == "hotfix") return OSTREE_DEPLOYMENT_UNLOCKED_HOTFIX;
  if (mode == "transient") return OSTREE_DEPLOYMENT_UNLOCKED_TRANSIENT;
  throw ArgValueError(env, "mode must be 'development', 'hotfix' or 'transient'");
}

// libostree mounts over /usr of the running system, whichever deployment it is told.
Shared<OstreeDeployment> FindBooted(const Sysroot& sysroot, const std::string& id) {
  auto deployment = FindDeployment(sysroot, id);
  auto* booted = ostree_sysroot_get_booted_deployment(sysroot.get());
  if (!booted) throw Failure("NOT_BOOTED", "The sysroot " + sysroot.path() + " is not booted");
  if (deployment.get() != booted)
    throw Failure("INVALID_ARGUMENT", "'" + id + "' is not booted: only what runs can be unlocked");
  auto state = ostree_deployment_get_unlocked(booted);
  if (state != OSTREE_DEPLOYMENT_UNLOCKED_NONE)
    throw Failure("EXISTS", "'" + id + "' is unlocked already, as '" +
                                ostree_deployment_unlocked_state_to_string(state) + "'");
  return deployment;
}

}  // namespace

// ostree_sysroot_deployment_unlock
Napi::Value SysrootUnlockUsr(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  auto state = StateOf(args.Env(), args.Next<std::string>("mode"));
  return Async(args, sysroot->Change("an unlock"), [sysroot, id, state](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    auto deployment = FindBooted(*sysroot, id);
    // Not cancellable: half of it is no state to be in.
    Try(ostree_sysroot_deployment_unlock, sysroot->get(), deployment.get(), state, nullptr);
    ReapChildren();
  });
}

}  // namespace ostree
