// Files of a commit, read without a checkout.
#pragma once

#include "open_file.h"

namespace ostree {

struct FileContent {
  uint64_t size = 0;
  std::optional<Bytes> data;                      // of a small file
  std::optional<std::shared_ptr<OpenFile>> file;  // of a larger one

  void Fields(auto&& field) {
    field("size", size);
    field("data", data);
    field("file", file);
  }
};
FileContent ReadContent(std::shared_ptr<OpenFile> file, GCancellable* cancellable);

Napi::Value FileRead(const Napi::CallbackInfo& info);
Napi::Value FileOpen(const Napi::CallbackInfo& info);
Napi::Value FileFill(const Napi::CallbackInfo& info);
Napi::Value FileSeek(const Napi::CallbackInfo& info);
Napi::Value FileClose(const Napi::CallbackInfo& info);

}  // namespace ostree
