// What a summary file says: (a(s(taya{sv}))a{sv}).
#pragma once

#include <string>
#include <vector>

#include "core/variant.h"

namespace ostree {

struct SummaryRef {
  std::string ref;
  std::optional<std::string> collectionId;
  std::string checksum;
  uint64_t size = 0;                // of the commit object, bytes
  std::optional<double> timestamp;  // seconds since 1970, of the commit
  std::optional<std::string> version;
  Metadata metadata;  // all that is said of it

  void Fields(auto&& field) {
    field("ref", ref);
    field("collectionId", collectionId);
    field("checksum", checksum);
    field("size", size);
    field("timestamp", timestamp);
    field("version", version);
    field("metadata", metadata);
  }
};

struct SummaryData {
  std::vector<SummaryRef> refs;                 // of the repository itself, then those of its collection map
  Metadata metadata;                            // all of it; numbers of libostree's own are big-endian there
  std::optional<double> lastModified, expires;  // seconds since 1970
  std::optional<std::string> collectionId, mode;
  std::optional<bool> tombstoneCommits, indexedDeltas;

  void Fields(auto&& field) {
    field("refs", refs);
    field("metadata", metadata);
    field("lastModified", lastModified);
    field("expires", expires);
    field("collectionId", collectionId);
    field("mode", mode);
    field("tombstoneCommits", tombstoneCommits);
    field("indexedDeltas", indexedDeltas);
  }
};

// Fails with CORRUPT when the bytes are no summary.
SummaryData ParseSummary(GBytes* bytes, VariantMode mode = VariantMode::kPlain);

}  // namespace ostree
