// Whose signatures there are, and which of them count.
#pragma once

#include "core/convert.h"

namespace ostree {

struct GpgSignature {
  bool valid = false, expired = false, keyExpired = false, revoked = false, missing = false;
  std::string fingerprint, fingerprintPrimary, publicKeyAlgorithm, hashAlgorithm, userName, userEmail;
  int64_t timestamp = 0, expires = 0, keyExpires = 0, primaryKeyExpires = 0;  // seconds; 0 never
  std::string reason;                                                         // libostree's description

  void Fields(auto&& field) {
    field("valid", valid);
    field("expired", expired);
    field("keyExpired", keyExpired);
    field("revoked", revoked);
    field("missing", missing);
    field("fingerprint", fingerprint);
    field("fingerprintPrimary", fingerprintPrimary);
    field("publicKeyAlgorithm", publicKeyAlgorithm);
    field("hashAlgorithm", hashAlgorithm);
    field("userName", userName);
    field("userEmail", userEmail);
    field("timestamp", timestamp);
    field("expires", expires);
    field("keyExpires", keyExpires);
    field("primaryKeyExpires", primaryKeyExpires);
    field("reason", reason);
  }
};

// Whom to trust. Nobody named: the keyrings of all remotes, as libostree does it.
struct GpgTrust {
  std::optional<std::string> remote;
  std::optional<std::vector<Bytes>> keys;  // these and no others: what gpg exports, armoured or not

  void Fields(auto&& field) {
    field("remote", remote);
    field("keys", keys);
  }
};

// ostree_repo_gpg_verify_data. `signatures` are OpenPGP packets, one after the other; no remote: the
// keyrings of all. SIGNATURE when gpg cannot read them. No names and reasons in it.
std::vector<GpgSignature> VerifySignatures(OstreeRepo* repo, const char* remote, const Bytes& data,
                                           const Bytes& signatures, GCancellable* cancellable);

Napi::Value VerifyGpg(const Napi::CallbackInfo& info);
Napi::Value VerifyConfig(const Napi::CallbackInfo& info);

}  // namespace ostree
