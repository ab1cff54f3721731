// A new deployment of a commit.
#pragma once

#include "core/async.h"
#include "deployment.h"
#include "kernel_args.h"

namespace ostree {

struct DeployRequest {
  std::string rev;
  std::optional<std::string> stateroot;
  std::optional<Origin> origin;          // otherwise rev is what it follows
  std::string kernelArgsBase = "merge";  // what the edit starts from: "merge", "none", "proc-cmdline"
  KernelArgsEdit kernelArgs;
  std::vector<std::string> overlayInitrds;  // paths
  bool retain = false, retainPending = false, retainRollback = false;
  bool notAsDefault = false, noMerge = false, stage = false, lockFinalization = false;

  void Fields(auto&& field) {
    field("rev", rev);
    field("stateroot", stateroot);
    field("origin", origin);
    field("kernelArgsBase", kernelArgsBase);
    field("kernelArgs", kernelArgs);
    field("overlayInitrds", overlayInitrds);
    field("retain", retain);
    field("retainPending", retainPending);
    field("retainRollback", retainRollback);
    field("notAsDefault", notAsDefault);
    field("noMerge", noMerge);
    field("stage", stage);
    field("lockFinalization", lockFinalization);
  }
};

// The stateroot asked for, or the booted one; it must be there.
std::string ChooseStateroot(const Sysroot& sysroot, const std::optional<std::string>& asked);
// Throws NOT_BOOTED: only a booted system can finish a staged deployment.
void RequireBooted(const Sysroot& sysroot);

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

Napi::Value SysrootDeploy(const Napi::CallbackInfo& info);

}  // namespace ostree
