// The file in which the stat cache is kept from one commit to the next.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "engine/checksum.h"

namespace ostree {

// A file or symbolic link as it was when its object was made.
struct StatEntry {
  std::string name;
  uint64_t device, inode, size;
  uint64_t mode, uid, gid;  // an ID-mapped mount changes the owner alone
  int64_t mtime, ctime;     // nanoseconds
  Checksum checksum;

  static StatEntry Of(const std::string& name, const struct stat& status, const Checksum& checksum);
  bool IsSameFile(const StatEntry& other) const;
};

// By the directory's path; entries are sorted by name.
using StatEntries = std::map<std::string, std::vector<StatEntry>>;
using StatEntryPointers = std::map<std::string, std::vector<const StatEntry*>>;

// Nothing: there is no such file, it is damaged, it was written for another key, or others may write to it.
StatEntries ReadStatCache(const std::string& path, const Checksum& key);
// Puts a new file in the place of the old one, in one step.
void WriteStatCache(const std::string& path, const Checksum& key, const StatEntryPointers& entries);
// All but those that were written last: who commits each time from another directory needs none of the
// others.
void RemoveOldStatCaches(const std::string& dir);

}  // namespace ostree
