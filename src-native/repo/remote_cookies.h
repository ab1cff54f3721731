// The cookies sent to a remote: REMOTE.cookies.txt in the repository, in
// Netscape's format. libostree reads the file; there is no C function to write it.
#pragma once

#include "core/napi.h"

namespace ostree {

Napi::Value RemoteCookieList(const Napi::CallbackInfo& info);
Napi::Value RemoteCookieAdd(const Napi::CallbackInfo& info);
Napi::Value RemoteCookieRemove(const Napi::CallbackInfo& info);

}  // namespace ostree
