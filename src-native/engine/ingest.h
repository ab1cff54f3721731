// Settles the files of a scanned tree: gets each one's content, applies the
// rules to its metadata, writes the object. For one thread; there are several.
#pragma once

#include "engine/disk.h"
#include "engine/rules.h"
#include "engine/stat_cache.h"
#include "engine/tally.h"
#include "engine/tree.h"
#include "engine/writer.h"

namespace ostree {

class Ingest {
 public:
  Ingest(OstreeRepo* repo, const Rules& rules, ObjectWriter& writer, StatCache& cache, Tally& tally,
         GCancellable* cancellable);

  // A file of `dir`.
  void Settle(const TreeDir& dir, const std::string& name, TreeFile& file);

 private:
  using Label = const std::string*;  // null: none

  Checksum FromDisk(const std::string& name, const TreeFile& file, Label label);
  Checksum ReadFile(int dir, const std::string& name, const TreeFile& file, Label label);
  Checksum ReadLinkFile(int dir, const std::string& name, const TreeFile& file, Label label);
  Checksum FromSet(const TreeFile& file, Label label);
  Checksum FromSpool(const TreeFile& file);
  Checksum FromObject(const std::string& name, const TreeFile& file, const PathName& path);

  OstreeRepo* const repo_;
  const Rules& rules_;
  ObjectWriter& writer_;
  StatCache& cache_;
  Tally& tally_;
  GCancellable* const cancellable_;
  StatCache::Dir& Known(const DiskDir& disk, int fd);

  DirOpener opener_{4};
  StatCache::Dir* known_ = nullptr;  // the last directory's: files come directory by directory
  ReadBuffer buffer_;
};

}  // namespace ostree
