// Which files are hard links to objects: what a checkout links, a commit need not read.
#pragma once

#include <sys/stat.h>

#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/ptr.h"
#include "engine/checksum.h"

namespace ostree {

// A device and an inode, in full: libostree 2022.7 looks up 32 bits of each.
struct DevIno {
  dev_t device;
  ino_t inode;

  static DevIno Of(const struct stat& status) { return {status.st_dev, status.st_ino}; }
  friend bool operator==(const DevIno&, const DevIno&) = default;
};

}  // namespace ostree

template <>
struct std::hash<ostree::DevIno> {
  size_t operator()(const ostree::DevIno& key) const {
    return std::hash<uint64_t>()(key.inode * 0x9e3779b97f4a7c15 ^ key.device);
  }
};

namespace ostree {

// For many threads, and many checkouts and commits.
class DevInoCache {
 public:
  void Add(const struct stat& status, const Checksum& object);
  // The object of `repo`, or of its parents, whose file this very file is. That is looked up anew, as what
  // was added may be long gone, and another file have its inode.
  std::optional<Checksum> Find(OstreeRepo* repo, const struct stat& status);
  size_t size();
  void Clear();

 private:
  std::mutex mutex_;
  std::unordered_map<DevIno, Checksum> objects_;
};

}  // namespace ostree
