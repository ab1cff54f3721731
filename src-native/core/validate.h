// What a string must be before libostree sees it. libostree puts names on the
// stack, builds paths of them, and asserts: on a checksum that is none it aborts
// the process or leaves the repository's directory.
//
// Each throws INVALID_ARGUMENT; `name` is what the message calls the value.
#pragma once

#include <string_view>

#include "convert.h"

namespace ostree {

// 64 lower-case hex digits.
void CheckChecksum(std::string_view value, std::string_view name);
// os/x86_64/stable (ostree_validate_rev)
void CheckRef(std::string_view value, std::string_view name);
// ref or remote:ref (ostree_parse_refspec)
void CheckRefspec(std::string_view value, std::string_view name);
// All that can be resolved: a refspec, a checksum or the beginning of one, each with any number of ^.
void CheckRev(std::string_view value, std::string_view name);
// ostree_validate_remote_name
void CheckRemoteName(std::string_view value, std::string_view name);
// org.example.Os (ostree_validate_collection_id)
void CheckCollectionId(std::string_view value, std::string_view name);
// Of the file system: 1 to 4096 bytes.
void CheckPath(std::string_view value, std::string_view name);
// One step of a path within a commit: UTF-8, neither "." nor "..".
void CheckFileName(std::string_view value, std::string_view name);

// (value) for JavaScript; they throw a RangeError.
Napi::Value ValidateChecksum(const Napi::CallbackInfo& info);
Napi::Value ValidateRef(const Napi::CallbackInfo& info);
Napi::Value ValidateRefspec(const Napi::CallbackInfo& info);
Napi::Value ValidateRemoteName(const Napi::CallbackInfo& info);
Napi::Value ValidateCollectionId(const Napi::CallbackInfo& info);

}  // namespace ostree
