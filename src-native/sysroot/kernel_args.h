// Kernel arguments: in memory, and those of a deployment.
#pragma once

#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

class Sysroot;

// How a list of arguments becomes another: deleted, then replaced, then appended.
struct KernelArgsEdit {
  std::vector<std::string> remove, replace, append, appendIfMissing;

  void Fields(auto&& field) {
    field("delete", remove);
    field("replace", replace);
    field("append", append);
    field("appendIfMissing", appendIfMissing);
  }
  bool empty() const {
    return remove.empty() && replace.empty() && append.empty() && appendIfMissing.empty();
  }
};

// Throws NOT_FOUND where what is to be deleted is not there.
void Apply(const KernelArgsEdit& edit, OstreeKernelArgs* arguments);

// Those in its boot entry, without ostree=, which libostree sets anew whenever it writes one.
std::vector<std::string> KernelArgsOf(OstreeDeployment* deployment);

// (arguments, edit) => arguments
Napi::Value KernelArgsApply(const Napi::CallbackInfo& info);
// (text) => arguments
Napi::Value KernelArgsParse(const Napi::CallbackInfo& info);
// (arguments, key) => the last value of the key, null when it has none, undefined when the key is not there
Napi::Value KernelArgsLastValue(const Napi::CallbackInfo& info);

Napi::Value SysrootKernelArgs(const Napi::CallbackInfo& info);
Napi::Value SysrootEditKernelArgs(const Napi::CallbackInfo& info);

}  // namespace ostree
