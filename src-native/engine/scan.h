// Finds what a commit consists of: walks the sources, in order, into one tree.
// Everything that can be refused by its name, its type or its link target is
// refused here, before it is opened. What has been written of other files by then
// goes with the transaction.
#pragma once

#include <deque>
#include <functional>

#include "engine/consume.h"
#include "engine/disk.h"
#include "engine/objects.h"
#include "engine/rules.h"
#include "engine/tally.h"
#include "engine/tree.h"

namespace ostree {

class Scanner {
 public:
  Scanner(const CommitPlan& plan, OstreeRepo* repo, Rules& rules, Tree& tree, Tally& tally,
          GCancellable* cancellable);

  // Calls this for each directory on disk whose files have been found.
  void OnDirectory(std::function<void(TreeDir&)> call) { on_directory_ = std::move(call); }
  void Add(const TreeSource& source);
  // What was read, for it to be removed. Once every file is settled: they point into it.
  std::shared_ptr<Consumption> TakeConsumption();

 private:
  TreeDir* EnsurePrefix(const std::string& prefix);
  void AddDirectory(const DirSource& source, TreeDir& target);
  void AddFiles(const FilesSource& source, const std::string& prefix, TreeDir& target);
  void AddEntry(const FileSet& files, const SetEntry& entry, const std::string& prefix);
  void AddTree(const Checksum& contents, const Checksum& metadata, TreeDir& target);
  void AddCommit(const CommitSource& source, TreeDir& target);
  void AddTar(const TarSource& source, TreeDir& target);
  void ScanDirectory(DiskDir& disk, TreeDir& dir);
  void AskAbout(const DiskDir& disk, int fd, TreeDir& dir, const std::vector<DiskEntry>& entries);
  void AskAbout(TreeDir& dir, const DirContents& entries);
  bool IsLeftOut(const DiskDir& disk, int fd, TreeDir& dir, const DiskEntry& entry);
  void ScanEntry(const DiskDir& disk, int fd, TreeDir& dir, const DiskEntry& entry);
  bool AddLinked(int fd, TreeDir& dir, const DiskEntry& entry);
  void AddObject(TreeDir& dir, const std::string& name, const Checksum& object);
  void ScanDirTree(const DirContents& entries, const Checksum& metadata, TreeDir& dir);
  void SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs);
  bool Skips(TreeDir& dir, const std::string* child = nullptr);
  const ModeChange* Change(TreeDir& dir, const std::string* child = nullptr);

  // What is left to do of one source: directories whose children are not known.
  struct DiskTask {
    DiskDir* disk;
    TreeDir* dir;
  };
  struct ObjectTask {
    Checksum contents, metadata;
    TreeDir* dir;
  };

  const std::shared_ptr<DevInoCache> devino_;
  const std::shared_ptr<Consumption> consumption_;
  OstreeRepo* const repo_;
  Rules& rules_;
  Tree& tree_;
  Tally& tally_;
  GCancellable* const cancellable_;
  std::function<void(TreeDir&)> on_directory_;
  DirOpener opener_{32};
  std::deque<DiskDir> disk_dirs_;  // the tree's files point into it
  std::vector<DiskTask> disk_todo_;
  std::vector<ObjectTask> object_todo_;
};

}  // namespace ostree
