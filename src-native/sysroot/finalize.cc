#include "finalize.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dynamic.h"
#include "deployment.h"
#include "sysroot.h"

namespace ostree {
namespace {

// All versions of libostree heed the file; later ones keep a key of what is staged in step with it.
constexpr const char* kRunState = "/run/ostree";
constexpr const char* kStagedLocked = "/run/ostree/staged-deployment-locked";
// What the service that could not finish it says.
constexpr const char* kFailure = "boot/ostree/finalize-failure.stamp";
constexpr size_t kMaxFailure = 65536;

struct FinalizeState {
  Snapshot deployments;
  bool locked = false;
  Nullable<std::string> failure;

  void Fields(auto&& field) {
    field("deployments", deployments);
    field("locked", locked);
    field("failure", failure);
  }
};

bool KeyLocked(OstreeDeployment* staged) {
  const auto& is_locked = Dynamic().ostree_deployment_is_finalization_locked;
  return is_locked && is_locked.get()(staged);
}

Nullable<std::string> ReadFailure(int root) {
  Fd file(openat(root, kFailure, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw Failure::Errno("open", kFailure);
  }
  std::string text(kMaxFailure, '\0');
  auto length = read(file.get(), text.data(), text.size());
  if (length < 0) throw Failure::Errno("read", kFailure);
  text.resize(static_cast<size_t>(length));
  return ValidUtf8(text);
}

void Unlock() {
  if (unlink(kStagedLocked) < 0 && errno != ENOENT) throw Failure::Errno("unlink", kStagedLocked);
}

OstreeDeployment* RequireStaged(const Sysroot& sysroot) {
  auto* staged = ostree_sysroot_get_staged_deployment(sysroot.get());
  if (!staged)
    throw Failure("NOT_FOUND", "No deployment is staged in the sysroot " + sysroot.path() +
                                   ": there is nothing that will be finished");
  return staged;
}

}  // namespace

void LockFinalization() {
  if (mkdir(kRunState, 0755) < 0 && errno != EEXIST) throw Failure::Errno("mkdir", kRunState);
  Fd file(open(kStagedLocked, O_CREAT | O_WRONLY | O_NOCTTY | O_CLOEXEC, 0640));
  if (!file) throw Failure::Errno("open", kStagedLocked);
}

// ostree_deployment_is_finalization_locked
Napi::Value SysrootFinalizeState(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job& job) {
    sysroot->Load(job.cancellable());
    auto* staged = ostree_sysroot_get_staged_deployment(sysroot->get());
    FinalizeState state;
    state.deployments = TakeSnapshot(*sysroot);
    state.locked = staged && (KeyLocked(staged) || access(kStagedLocked, F_OK) == 0);
    state.failure = ReadFailure(ostree_sysroot_get_fd(sysroot->get()));
    return state;
  });
}

// ostree_sysroot_change_finalization
Napi::Value SysrootLockFinalization(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto locked = args.Next<bool>("locked");
  return Async(args, sysroot->Work(), [sysroot, locked](Job& job) {
    sysroot->LoadForChange(job.cancellable());
    auto* staged = RequireStaged(*sysroot);
    const auto& change = Dynamic().ostree_sysroot_change_finalization;
    if (change && KeyLocked(staged) != locked) Try(change.get(), sysroot->get(), staged);
    locked ? LockFinalization() : Unlock();
  });
}

}  // namespace ostree
