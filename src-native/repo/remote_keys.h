// The GPG keys that a remote's commits and summaries are verified with.
#pragma once

#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

// Public keys, binary or armoured: as data, or in files.
struct KeySource {
  std::vector<Bytes> data;
  std::vector<std::string> files;
  std::vector<std::string> keyIds;  // only these; all when empty

  void Fields(auto&& field) {
    field("data", data);
    field("files", files);
    field("keyIds", keyIds);
  }
};

// ostree_repo_remote_gpg_import; the result is how many were new.
unsigned ImportKeys(OstreeRepo* repo, const std::string& remote, const KeySource& source,
                    GCancellable* cancellable);

// The same for a remote to be pulled from: keys that libostree would crash on are refused (keyring.h).
unsigned ImportUsableKeys(OstreeRepo* repo, const std::string& remote, const KeySource& source,
                          GCancellable* cancellable);

Napi::Value RemoteImportKeys(const Napi::CallbackInfo& info);
Napi::Value RemoteKeys(const Napi::CallbackInfo& info);

}  // namespace ostree
