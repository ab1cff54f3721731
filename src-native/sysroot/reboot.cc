#include "reboot.h"

#include "core/dynamic.h"
#include "deployment.h"
#include "sysroot.h"

namespace ostree {
namespace {

// libostree aborts on a system that is not booted.
void RequireRunning(const Sysroot& sysroot) {
  if (!ostree_sysroot_get_booted_deployment(sysroot.get()))
    throw Failure("NOT_BOOTED", "The sysroot " + sysroot.path() + " is not booted");
}

}  // namespace

// ostree_sysroot_deployment_set_soft_reboot
Napi::Value SysrootSoftReboot(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  auto allow_kernel_skew = args.Next<bool>("allowKernelSkew");
  return Async(args, sysroot->Work(), [sysroot, id, allow_kernel_skew](Job& job) {
    auto* prepare = Dynamic().ostree_sysroot_deployment_set_soft_reboot.get();
    sysroot->LoadForChange(job.cancellable());
    RequireRunning(*sysroot);
    auto deployment = FindDeployment(*sysroot, id);
    Try(prepare, sysroot->get(), deployment.get(), allow_kernel_skew, job.cancellable());
  });
}

// ostree_sysroot_clear_soft_reboot
Napi::Value SysrootClearSoftReboot(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job& job) {
    auto* clear = Dynamic().ostree_sysroot_clear_soft_reboot.get();
    sysroot->LoadForChange(job.cancellable());
    RequireRunning(*sysroot);
    Try(clear, sysroot->get(), job.cancellable());
  });
}

// ostree_sysroot_deployment_kexec_load
Napi::Value SysrootKexecLoad(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  return Async(args, sysroot->Work(), [sysroot, id](Job& job) {
    auto* load = Dynamic().ostree_sysroot_deployment_kexec_load.get();
    sysroot->LoadForChange(job.cancellable());
    auto deployment = FindDeployment(*sysroot, id);
    Try(load, sysroot->get(), deployment.get(), job.cancellable());
  });
}

// ostree_sysroot_update_post_copy
Napi::Value SysrootUpdatePostCopy(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job& job) {
    auto* update = Dynamic().ostree_sysroot_update_post_copy.get();
    sysroot->LoadForChange(job.cancellable());
    Try(update, sysroot->get(), job.cancellable());
  });
}

}  // namespace ostree
