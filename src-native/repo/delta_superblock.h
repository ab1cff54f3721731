// What the superblock of a static delta says. libostree reads one as it is and
// ends the process where it is damaged; what comes from here has been checked.
#pragma once

#include <string>
#include <vector>

#include "delta_names.h"
#include "signatures.h"

namespace ostree {

// Objects that one part makes, and what it takes. Sizes are bytes.
struct DeltaPart {
  std::string checksum;  // of the part itself
  uint64_t objects = 0;
  uint64_t size = 0, uncompressedSize = 0;
  bool isInline = false;

  void Fields(auto&& field) {
    field("checksum", checksum);
    field("objects", objects);
    field("size", size);
    field("uncompressedSize", uncompressedSize);
    field("inline", isInline);
  }
};

// An object that is to be fetched by itself.
struct DeltaFallback {
  std::string type, checksum;
  uint64_t size = 0, uncompressedSize = 0;

  void Fields(auto&& field) {
    field("type", type);
    field("checksum", checksum);
    field("size", size);
    field("uncompressedSize", uncompressedSize);
  }
};

struct DeltaInfo {
  DeltaName name;
  bool isSigned = false;
  std::optional<std::string> endianness;  // "little" or "big", of the sizes in it; empty where nothing tells
  bool endiannessGuessed = false;
  double timestamp = 0;  // seconds since 1970
  uint64_t parents = 0;  // deltas that must be applied before
  std::vector<DeltaPart> parts;
  std::vector<DeltaFallback> fallbacks;

  void Fields(auto&& field) {
    field("name", name);
    field("signed", isSigned);
    field("endianness", endianness);
    field("endiannessGuessed", endiannessGuessed);
    field("timestamp", timestamp);
    field("parents", parents);
    field("parts", parts);
    field("fallbacks", fallbacks);
  }
};

struct Superblock {
  Shared<GBytes> bytes;      // without signatures: what those cover
  Shared<GVariant> variant;  // the same, in normal form and of valid structure
  SignatureMap signatures;
  DeltaInfo info;

  // The objects that part `index` makes: an array of (type, checksum), 33 bytes each.
  Shared<GVariant> Objects(size_t index) const;
  // The data of a part that is in the superblock itself, with its compression byte; null: it is a file.
  Shared<GBytes> InlinePart(size_t index) const;
};

constexpr size_t kDeltaObjectSize = 33;

// All of a file, which may be 2 GiB large.
Shared<GBytes> ReadDeltaFile(int directory, const std::string& name);
// CORRUPT when the bytes are no superblock.
Superblock ParseSuperblock(const Shared<GBytes>& bytes);
// With signatures around it.
Shared<GVariant> SignedSuperblock(const Shared<GBytes>& superblock, const SignatureMap& signatures);

}  // namespace ostree
