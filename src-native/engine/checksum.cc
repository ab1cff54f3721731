#include "engine/checksum.h"

#include <ostree.h>

#include "core/failure.h"

namespace ostree {

Checksum Checksum::FromHex(const std::string& hex) {
  // The conversion below aborts on anything that is no checksum.
  Try(ostree_validate_checksum_string, hex.c_str());
  Checksum result;
  ostree_checksum_inplace_to_bytes(hex.c_str(), result.bytes_.data());
  return result;
}

Checksum Checksum::FromBytes(const void* bytes, size_t size) {
  if (size != Checksum::size())
    throw Failure("CORRUPT", "A checksum has " + std::to_string(size) + " bytes instead of 32");
  Checksum result;
  std::memcpy(result.bytes_.data(), bytes, size);
  return result;
}

std::string Checksum::Hex() const {
  char hex[OSTREE_SHA256_STRING_LEN + 1];
  ostree_checksum_inplace_from_bytes(bytes_.data(), hex);
  return hex;
}

}  // namespace ostree
