// The tree that is being committed, in memory: names, and for each file and
// directory either its checksum or where to get it. Overlays merge here, before
// anything is written.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/disk.h"
#include "engine/file_set.h"
#include "engine/metadata.h"
#include "engine/plan.h"

namespace ostree {

class Spool;

// A file or link of a tar archive: what its checksum covers before the data, and where those are.
struct SpooledFile {
  std::string header;
  std::shared_ptr<Spool> spool;
  uint64_t offset, size;
};

struct TreeFile {
  // Where its content comes from: a disk, an entry of a set, or an archive; none: from the object `checksum`.
  const DiskDir* disk = nullptr;
  std::shared_ptr<const std::string> disk_name = nullptr;   // where it is not that in the tree
  std::shared_ptr<const std::string> label_path = nullptr;  // whose label it has, where not its own path's
  const FileSet* files = nullptr;
  const SetEntry* entry = nullptr;
  std::shared_ptr<const SpooledFile> spooled = nullptr;
  bool is_link = false;     // not of an object
  bool is_settled = false;  // `checksum` is what goes into the tree
  const ModeChange* change = nullptr;
  Checksum checksum;
};

struct TreeDir {
  using Files = std::map<std::string, TreeFile>;

  TreeDir* parent = nullptr;
  const std::string* name = nullptr;  // the root has none
  size_t depth = 0;
  bool has_metadata = false;
  Checksum metadata;
  // A directory of a commit, taken over as a whole: `contents` is its dirtree,
  // and what is in it was not loaded.
  bool is_whole = false;
  Checksum contents;
  Files files;
  std::map<std::string, TreeDir*> dirs;

  bool is_removed = false;  // no longer part of the tree

  bool is_empty() const { return !is_whole && files.empty() && dirs.empty(); }
  std::string Path() const;  // "/" for the root
  std::string Path(const std::string& child) const;
};

class Tree {
 public:
  Tree(OstreeRepo* repo, GCancellable* cancellable) : repo_(repo), cancellable_(cancellable) {
    dirs_.emplace_back();
  }

  TreeDir& root() { return dirs_.front(); }
  // Every directory; each comes after its parent.
  std::deque<TreeDir>& dirs() { return dirs_; }

  // As libostree's mutable tree: a file never replaces a directory, nor the
  // reverse; that is a failure.
  TreeDir& EnsureDir(TreeDir& parent, const std::string& name);
  void ReplaceFile(TreeDir& parent, const std::string& name, TreeFile file);
  // Null: there is none.
  TreeDir* FindDir(TreeDir& parent, const std::string& name);
  TreeFile* FindFile(TreeDir& parent, const std::string& name);
  // A file, or a directory with all that is in it, if there is one.
  void Remove(TreeDir& parent, const std::string& name);
  void Clear(TreeDir& dir);
  // Removes a file where a directory is to go, and the reverse.
  void MakeRoom(TreeDir& parent, const std::string& name, bool for_directory);
  void SetMetadata(TreeDir& dir, const Checksum& checksum);
  void SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs);
  // Lays a directory of a commit, unchanged, over this one.
  void Overlay(TreeDir& dir, const Checksum& contents, const Checksum& metadata);

  // The dirmeta objects made by SetMetadata(), which are yet to be written.
  const std::unordered_map<Checksum, Shared<GVariant>>& new_metadata() const { return new_metadata_; }

 private:
  void Load(TreeDir& dir);

  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  std::deque<TreeDir> dirs_;  // an arena: trees may be thousands of levels deep
  std::unordered_map<Checksum, Shared<GVariant>> new_metadata_;
};

}  // namespace ostree
