// The objects of a repository, by their names.
#pragma once

#include <string>

#include "core/convert.h"
#include "engine/links.h"

namespace ostree {

struct ObjectName {
  std::string type, checksum;

  void Fields(auto&& field) {
    field("type", type);
    field("checksum", checksum);
  }
};
ObjectName NameOf(const ObjectId& object);
// INVALID_ARGUMENT for what cannot be a name.
ObjectId IdOf(const ObjectName& name);

Napi::Value ObjectList(const Napi::CallbackInfo& info);
Napi::Value ObjectReachable(const Napi::CallbackInfo& info);
Napi::Value ObjectHas(const Napi::CallbackInfo& info);
Napi::Value ObjectStorageSize(const Napi::CallbackInfo& info);
Napi::Value ObjectDelete(const Napi::CallbackInfo& info);
Napi::Value CommitMarkPartial(const Napi::CallbackInfo& info);

}  // namespace ostree
