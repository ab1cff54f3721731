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

Napi::Value SysrootDeploy(const Napi::CallbackInfo& info);

}  // namespace ostree
