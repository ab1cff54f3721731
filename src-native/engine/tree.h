// The tree that is being committed, in memory: names, and for each file and
// directory either its checksum or where to get it. Overlays merge here, before
// anything is written.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/disk.h"
#include "engine/file_set.h"
#include "engine/metadata.h"
#include "engine/plan.h"

namespace ostree {

struct TreeFile {
  // Where its content comes from: a disk, or an entry of a set; null: from the object `checksum`.
  const DiskDir* disk = nullptr;
  const FileSet* files = nullptr;
  const SetEntry* entry = nullptr;
  bool is_link = false;     // on disk, or in the set
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

  bool is_empty() const { return !is_whole && files.empty() && dirs.empty(); }
  std::string Path() const;  // "/" for the root
  std::string Path(const std::string& child) const;
};

class Tree {
 public:
  explicit Tree(OstreeRepo* repo) : repo_(repo) { dirs_.emplace_back(); }

  TreeDir& root() { return dirs_.front(); }
  // Every directory; each comes after its parent.
  std::deque<TreeDir>& dirs() { return dirs_; }

  // As libostree's mutable tree: a file never replaces a directory, nor the
  // reverse; that is a failure.
  TreeDir& EnsureDir(TreeDir& parent, const std::string& name);
  void ReplaceFile(TreeDir& parent, const std::string& name, TreeFile file);
  void SetMetadata(TreeDir& dir, const Checksum& checksum);
  void SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs);
  // Lays a directory of a commit, unchanged, over this one.
  void Overlay(TreeDir& dir, const Checksum& contents, const Checksum& metadata);

  // The dirmeta objects made by SetMetadata(), which are yet to be written.
  const std::unordered_map<Checksum, Shared<GVariant>>& new_metadata() const { return new_metadata_; }

 private:
  void Load(TreeDir& dir);

  OstreeRepo* const repo_;
  std::deque<TreeDir> dirs_;  // an arena: trees may be thousands of levels deep
  std::unordered_map<Checksum, Shared<GVariant>> new_metadata_;
};

// The dirtree object of a directory whose files and directories are settled.
Shared<GVariant> DirTree(const TreeDir& dir);

}  // namespace ostree
