// Filling a set of files that come from JavaScript.
#pragma once

#include <memory>

#include "core/async.h"
#include "engine/file_set.h"

namespace ostree {

// What JS holds of one.
struct FileSetHandle {
  static constexpr napi_type_tag kTag = {0x5a0d93c1e7264bf8, 0x94b1c87e20fd6a35};
  static constexpr const char* kName = "file set";
  static constexpr bool kDropOnJsThread = false;

  explicit FileSetHandle(Shared<OstreeRepo> repo) : set(std::make_shared<FileSet>(std::move(repo))) {}

  // What uses it meanwhile has a reference of its own; CLOSED afterwards.
  std::shared_ptr<FileSet> Get() {
    std::lock_guard lock(mutex);
    if (!set) throw Failure("CLOSED", "The set of files is closed");
    return set;
  }
  void Close() {
    std::lock_guard lock(mutex);
    set.reset();
  }

  std::mutex mutex;
  std::shared_ptr<FileSet> set;
};

Napi::Value FileSetNew(const Napi::CallbackInfo& info);
Napi::Value FileSetAppend(const Napi::CallbackInfo& info);
Napi::Value FileSetAdd(const Napi::CallbackInfo& info);
Napi::Value FileSetClose(const Napi::CallbackInfo& info);

}  // namespace ostree
