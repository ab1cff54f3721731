// Signatures as libostree stores them, of a commit in its detached metadata and
// of the summary in summary.sig: an a{sv} with an aay for each kind of key,
// `ostree.gpgsigs`, `ostree.sign.ed25519`, …
#pragma once

#include "core/convert.h"

namespace ostree {

constexpr const char* kGpgSignatures = "ostree.gpgsigs";

using SignatureMap = std::map<std::string, std::vector<Bytes>>;

// What a signature covers, and the signatures there are.
struct SignedData {
  std::string checksum;  // of the data
  Bytes data;
  SignatureMap signatures;

  void Fields(auto&& field) {
    field("checksum", checksum);
    field("data", data);
    field("signatures", signatures);
  }
};

// All of them. What is not of type aay is none, as for libostree.
SignatureMap SignaturesIn(GVariant* metadata);
// `metadata` (null: there is none yet) with one more; EXISTS when it is there already.
Shared<GVariant> AddSignature(GVariant* metadata, const std::string& key, const Bytes& signature);
// `metadata` without these; the number of those that were there.
struct Removed {
  Shared<GVariant> metadata;
  size_t count = 0;
};
Removed RemoveSignatures(GVariant* metadata, const SignatureMap& unwanted);

}  // namespace ostree
