// Making sysroots and stateroots.
#pragma once

#include <optional>
#include <string>

#include "core/napi.h"

namespace ostree {

class Sysroot;

// For the sysroot's own thread: the stateroot asked for, or the booted one; it must be there.
std::string ChooseStateroot(const Sysroot& sysroot, const std::optional<std::string>& asked);

Napi::Value SysrootInit(const Napi::CallbackInfo& info);
Napi::Value SysrootInitStateroot(const Napi::CallbackInfo& info);

}  // namespace ostree
