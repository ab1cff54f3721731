// What is under a name on disk, and the checksum it would have as an object;
// nothing is written. A symbolic link is never followed.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "core/ptr.h"
#include "engine/checksum.h"
#include "engine/metadata.h"

namespace ostree {

struct DiskFile {
  Owner owner;
  uint64_t size = 0;   // of a regular file its content, of a symbolic link its target
  std::string target;  // of a symbolic link: any bytes
  Xattrs xattrs;       // null where they were not asked for
};

struct HashedFile {
  DiskFile file;
  Checksum checksum;  // of a content object, or of the dirmeta of a directory
};

// Whom files are said to belong to, instead of who owns them.
struct OwnerOverride {
  std::optional<uint32_t> uid, gid;

  void Apply(Owner& owner) const {
    owner.uid = uid.value_or(owner.uid);
    owner.gid = gid.value_or(owner.gid);
  }
};

// `dir` is the directory that `name` is looked up in; `path` is for errors.
struct DiskPlace {
  int dir;
  const char* name;
  PathName path;
};

// Without opening it, and so without extended attributes.
DiskFile LookAtFile(const DiskPlace& place, const OwnerOverride& owner);

// For one thread.
class DiskHasher {
 public:
  DiskHasher(bool with_xattrs, OwnerOverride owner, GCancellable* cancellable)
      : with_xattrs_(with_xattrs), owner_(owner), cancellable_(cancellable) {}

  // Fails when a regular file does not keep still. A device or a pipe is not opened for reading.
  HashedFile Hash(const DiskPlace& place);
  // The checksum that the content of a regular file has with another header before it.
  Checksum HashContent(const DiskPlace& place, const std::string& header);

 private:
  template <class HeaderOf>
  Checksum HashRegular(const DiskPlace& place, const HeaderOf& header_of);

  const bool with_xattrs_;
  const OwnerOverride owner_;
  GCancellable* const cancellable_;
  std::vector<char> buffer_;
};

}  // namespace ostree
