#include "manage.h"

#include <algorithm>

#include "policy.h"
#include "sysroot.h"
#include "write.h"

namespace ostree {
namespace {

// A staged deployment would be what boots next, whatever came behind it, so it
// goes when another one becomes the default.
Changed MakeDefault(Sysroot& sysroot, const Shared<OstreeDeployment>& deployment) {
  auto list = Deployments(sysroot);
  auto at =
      std::find_if(list.begin(), list.end(), [&](const auto& d) { return d.get() == deployment.get(); });
  std::rotate(list.begin(), at, at + 1);
  auto changed = WriteDeployments(sysroot, list);
  changed.id = IdOf(deployment.get());
  return changed;
}

Changed Undeploy(Sysroot& sysroot, const Shared<OstreeDeployment>& deployment) {
  if (deployment.get() == ostree_sysroot_get_booted_deployment(sysroot.get()))
    throw Failure("INVALID_ARGUMENT", "'" + IdOf(deployment.get()) + "' is booted: it cannot be removed");
  auto list = Deployments(sysroot);
  std::erase_if(list, [&](const auto& d) { return d.get() == deployment.get(); });
  return WriteDeployments(sysroot, list);
}

GKeyFile* RequireOrigin(OstreeDeployment* deployment) {
  auto* origin = ostree_deployment_get_origin(deployment);
  if (!origin)
    throw Failure("NOT_FOUND", "'" + IdOf(deployment) + "' has no origin file: give it an origin first");
  return origin;
}

// The rest of the origin stays, and with it a pin; an override belonged to what was followed before.
Owned<GKeyFile> OriginWith(OstreeDeployment* deployment, const std::string& refspec) {
  auto origin = CopyOrigin(deployment);
  g_key_file_remove_key(origin.get(), "origin", "override-commit", nullptr);
  g_key_file_set_string(origin.get(), "origin", "refspec", refspec.c_str());
  return origin;
}

}  // namespace

// ostree_sysroot_write_deployments_with_options
Napi::Value SysrootMakeDefault(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  return Async(args, sysroot->Change("a change of the default"), [sysroot, id](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    return MakeDefault(*sysroot, FindDeployment(*sysroot, id));
  });
}

// ostree_sysroot_query_deployments_for, ostree_sysroot_write_deployments_with_options
Napi::Value SysrootRollBack(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Change("a rollback"), [sysroot](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    auto rollback = RollbackDeployment(*sysroot);
    if (!rollback)
      throw Failure("NOT_FOUND", "There is no deployment to roll back to in the sysroot " + sysroot->path());
    return MakeDefault(*sysroot, rollback);
  });
}

// ostree_sysroot_write_deployments_with_options
Napi::Value SysrootUndeploy(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  return Async(args, sysroot->Change("the removal of a deployment"), [sysroot, id](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    return Undeploy(*sysroot, FindDeployment(*sysroot, id));
  });
}

// ostree_sysroot_deployment_set_pinned
Napi::Value SysrootPin(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  auto pinned = args.Next<bool>("pinned");
  return Async(args, sysroot->Work(), [sysroot, id, pinned](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    auto deployment = FindDeployment(*sysroot, id);
    if (ostree_deployment_is_staged(deployment.get()))
      throw Failure("NOT_SUPPORTED", "'" + id + "' is staged: it can be pinned once it is finished");
    RequireOrigin(deployment.get());  // libostree would say yes and pin nothing
    {
      DeploymentPolicies policies(*sysroot, {deployment}, nullptr);
      Try(ostree_sysroot_deployment_set_pinned, sysroot->get(), deployment.get(), pinned);
    }
    sysroot->Load(nullptr);
    return TakeSnapshot(*sysroot);
  });
}

// ostree_sysroot_write_origin_file
Napi::Value SysrootSetOrigin(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  auto refspec = args.Next<std::string>("refspec");
  return Async(args, sysroot->Work(), [sysroot, id, refspec](Job& job) {
    Try(ostree_parse_refspec, refspec.c_str(), nullptr, nullptr);
    sysroot->LoadForChange(job.cancellable());
    auto deployment = FindDeployment(*sysroot, id);
    auto origin = OriginWith(deployment.get(), refspec);
    {
      DeploymentPolicies policies(*sysroot, {deployment}, job.cancellable());
      Try(ostree_sysroot_write_origin_file, sysroot->get(), deployment.get(), origin.get(),
          job.cancellable());
    }
    sysroot->Load(nullptr);
    return TakeSnapshot(*sysroot);
  });
}

// ostree_sysroot_cleanup
Napi::Value SysrootCleanup(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Change("a clean-up"), [sysroot](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    CleanUp(*sysroot, job.cancellable());
    return TakeSnapshot(*sysroot);
  });
}

}  // namespace ostree
