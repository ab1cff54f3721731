// Files that need not be read, because they are as they were when they were last
// committed: what git's index does, and as safe.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/ptr.h"
#include "core/task_group.h"
#include "engine/disk.h"
#include "engine/file_objects.h"
#include "engine/plan.h"
#include "engine/stat_cache_file.h"

namespace ostree {

class StatCache {
 public:
  // Before any file of the commit is opened. Without plan.cache it holds nothing. It is read while the caller
  // goes on.
  StatCache(const CommitPlan& plan, OstreeRepo* repo, bool keeps_xattrs, GCancellable* cancellable);
  // Until it is read: before any of what follows.
  void Await() { reading_.Wait(); }
  bool is_read() const { return !is_used() || is_read_; }

  bool is_used() const { return !path_.empty(); }

  // What is known of one directory. Valid as long as the cache is.
  struct Dir;
  // Any thread, as all that follows. `fd` is that of the directory.
  Dir& In(const DiskDir& disk, int fd);
  // The object of this file or link, if it is still the same and the object is there. To be asked of every
  // file, before it is opened.
  // With a policy, an object has a label, too; null: it has none.
  std::optional<Checksum> Find(Dir& dir, int fd, const std::string& name, const std::string* label);
  // The file had this status before it was read, and after.
  void Remember(Dir& dir, const std::string& name, const struct stat& status, const Checksum& sum,
                const std::string* label);

  // Once every file is settled. A cache that cannot be written is none; that is no failure.
  void Save();

 private:
  bool IsLocal(const DiskDir& disk, int fd);
  bool IsSettled(const StatEntry& entry) const;
  bool IsThere(const Checksum& sum) const;

  OstreeRepo* const repo_;
  const bool keeps_xattrs_;
  std::string path_;
  std::string dir_;  // in the repository; empty: the path is the caller's
  Checksum key_;
  int64_t started_ = 0;  // nanoseconds, by the clock that files are stamped with
  StatEntries known_;
  size_t known_count_ = 0;
  FileObjects objects_;
  std::atomic<bool> is_read_ = false;
  std::mutex mutex_;
  std::unordered_map<const DiskDir*, Dir> dirs_;  // their places do not change
  std::unordered_map<dev_t, bool> is_local_;
  TaskGroup reading_;  // the last: it ends before what it fills
};

struct StatCache::Dir {
  const DiskDir* disk = nullptr;
  const std::vector<StatEntry>* known = nullptr;  // from the file; null as well where nothing is trusted
  bool is_usable = false;
  std::mutex mutex;
  std::vector<const StatEntry*> hits;  // of `known`
  std::vector<StatEntry> read;         // what had to be read
};

}  // namespace ostree
