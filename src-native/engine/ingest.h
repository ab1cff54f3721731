// Settles the files of a scanned tree: gets each one's content, applies the
// rules to its metadata, writes the object. For one thread; there are several.
#pragma once

#include <functional>

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

  // A file of `dir`. Before it reads one that takes long, it calls before_large(): what would wait for it can
  // go elsewhere.
  void Settle(const TreeDir& dir, const std::string& name, TreeFile& file,
              const std::function<void()>& before_large);

 private:
  using Label = const std::string*;  // null: none

  Checksum FromDisk(const std::string& name, const TreeFile& file, Label label);
  Checksum ReadFile(int dir, const std::string& name, const TreeFile& file, Label label);
  Checksum ReadLinkFile(int dir, const std::string& name, const TreeFile& file, Label label);
  Checksum FromSet(const TreeFile& file, Label label);
  Checksum FromSpool(const TreeFile& file);
  Checksum FromObject(const std::string& name, const TreeFile& file, const PathName& path);
  Checksum Write(const std::string& header, Content& content);

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
  const std::function<void()>* before_large_ = nullptr;  // of the file that is being settled
};

}  // namespace ostree
