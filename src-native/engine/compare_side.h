// One side of a comparison: the tree of a commit, or a directory of this machine.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/ptr.h"
#include "engine/checksum.h"
#include "engine/disk.h"
#include "engine/disk_file.h"

namespace ostree {

// A directory that was entered.
struct SideDir {
  const SideDir* parent = nullptr;
  std::string path = "/";            // in the tree
  std::optional<Checksum> contents;  // of a commit: its dirtree
  DiskDir* disk = nullptr;

  std::string Path(const std::string& name) const { return (parent ? path : "") + "/" + name; }
};

struct SideEntry {
  std::string name;
  bool is_directory = false;
  std::optional<Checksum> checksum;  // of a commit: a content object, or the dirmeta of a directory
  std::optional<Checksum> contents;  // of a commit: the dirtree of a directory
};

// For one thread.
class SideReader {
 public:
  virtual ~SideReader() = default;
  // What is compared: an object and its dirmeta are named by it.
  virtual Checksum Identify(const SideDir& dir, const SideEntry& entry) = 0;
  // All that the checksum covers, but for the content.
  virtual DiskFile Describe(const SideDir& dir, const SideEntry& entry) = 0;
  // Without extended attributes, which cost most.
  virtual DiskFile Look(const SideDir& dir, const SideEntry& entry) = 0;
  // The checksum of a regular file's content with another header before it.
  virtual Checksum HashContent(const SideDir& dir, const SideEntry& entry, const std::string& header) = 0;
};

class Side {
 public:
  virtual ~Side() = default;
  // The thread that walks.
  virtual SideDir& Root() = 0;
  // Sorted by the bytes of their names.
  virtual std::vector<SideEntry> List(SideDir& dir) = 0;
  virtual SideDir& Enter(const SideDir& parent, const SideEntry& entry) = 0;
  // Any thread.
  virtual std::unique_ptr<SideReader> NewReader() const = 0;
};

// The tree of a commit; both must outlive it.
std::unique_ptr<Side> CommitSide(OstreeRepo* repo, const Checksum& commit, GCancellable* cancellable);
// A symbolic link that `path` ends with is followed.
std::unique_ptr<Side> DiskSide(const std::string& path, bool with_xattrs, const OwnerOverride& owner,
                               GCancellable* cancellable);

}  // namespace ostree
