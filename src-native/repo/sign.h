// Signing commits, and taking signatures off again.
#pragma once

#include "core/convert.h"

namespace ostree {

// A secret key that gpg knows.
struct GpgSigner {
  std::string keyId;                   // an id, a fingerprint, or what else gpg finds one key by
  std::optional<std::string> homedir;  // absolute; without one gpg's own default

  void Fields(auto&& field) {
    field("keyId", keyId);
    field("homedir", homedir);
  }
  const char* homedir_or_null() const { return homedir ? homedir->c_str() : nullptr; }
};

// A detached signature in binary. NOT_FOUND without the secret key.
Bytes GpgSign(OstreeRepo* repo, const Bytes& data, const GpgSigner& signer, GCancellable* cancellable);

// What ostree_repo_sign_commit does. `repo` may have a transaction open: the signature is then part of it.
// EXISTS when the commit is signed by this key already, NOT_FOUND without the commit or the secret key.
void SignCommit(OstreeRepo* repo, const std::string& checksum, const GpgSigner& signer,
                GCancellable* cancellable);

Napi::Value SignGpg(const Napi::CallbackInfo& info);
Napi::Value SignatureList(const Napi::CallbackInfo& info);
Napi::Value SignatureAdd(const Napi::CallbackInfo& info);
Napi::Value SignatureRemove(const Napi::CallbackInfo& info);

}  // namespace ostree
