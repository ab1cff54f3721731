// What a remote offers, as its summary file tells it: (a(s(taya{sv}))a{sv}).
#pragma once

#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

struct OfferedRef {
  std::string ref;
  std::optional<std::string> collectionId;
  std::string checksum;
  std::optional<double> timestamp;  // seconds since 1970, of the commit
  std::optional<std::string> version;

  void Fields(auto&& field) {
    field("ref", ref);
    field("collectionId", collectionId);
    field("checksum", checksum);
    field("timestamp", timestamp);
    field("version", version);
  }
};

struct Offer {
  std::vector<OfferedRef> refs;  // of the repository itself, then those of its collection map
  Shared<GVariant> metadata;

  void Fields(auto&& field) {
    field("refs", refs);
    field("metadata", metadata);
  }
};

// Fails with CORRUPT when the bytes are no summary.
Offer ParseOffer(GBytes* bytes);

}  // namespace ostree
