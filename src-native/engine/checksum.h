// The name of an object: a SHA-256, in the 32 bytes that a dirtree holds.
#pragma once

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <string>

namespace ostree {

class Checksum {
 public:
  Checksum() = default;
  // 64 lower-case hex digits; anything else is a Failure.
  static Checksum FromHex(const std::string& hex);
  // 32 bytes, as in an `ay` of a dirtree or a commit; anything else is a Failure.
  static Checksum FromBytes(const void* bytes, size_t size);

  std::string Hex() const;
  const unsigned char* data() const { return bytes_.data(); }
  static constexpr size_t size() { return 32; }

  friend auto operator<=>(const Checksum&, const Checksum&) = default;

 private:
  std::array<unsigned char, 32> bytes_{};
};

}  // namespace ostree

template <>
struct std::hash<ostree::Checksum> {
  size_t operator()(const ostree::Checksum& checksum) const {
    size_t value;
    std::memcpy(&value, checksum.data(), sizeof value);
    return value;
  }
};
