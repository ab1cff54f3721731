// The digest by which fs-verity knows a file, computed without the file system: that of a composefs image is
// what it is mounted and signed by.
#pragma once

#include <string>

#include "core/failure.h"

namespace ostree {

struct VerityDigest {
  std::string hex;
  uint64_t size = 0;  // of the file, in bytes
};

// With SHA-256, blocks of 4096 bytes and no salt, as libostree enables it. `path` is for errors.
VerityDigest VerityDigestOf(int fd, const std::string& path, GCancellable* cancellable);

}  // namespace ostree
