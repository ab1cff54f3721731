// The directories that a commit took, and that are to be removed once it is made.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/devino.h"
#include "engine/disk.h"

namespace ostree {

class Consumption {
 public:
  // While the directories are scanned, by one thread.
  void Took(const struct stat& status) { Note(status, false); }
  // It is not in the tree, and goes all the same: a directory with all that is in it.
  void LeftOut(const struct stat& status) { Note(status, true); }
  // What was scanned; those that others are in come first.
  void SetDirs(std::deque<DiskDir> dirs) { dirs_ = std::move(dirs); }

  // Removes what was taken and is still the same. The result is what is still there: what is new or has
  // changed since, and what could not be removed. Never fails: the commit is made.
  std::vector<std::string> Remove();

 private:
  struct Noted {
    off_t size;
    timespec changed;
    bool is_left_out;
  };
  void Note(const struct stat& status, bool is_left_out);
  void RemoveEntries(int fd, const DiskDir& dir, std::vector<std::string>& left);
  bool RemoveEntry(int fd, const DiskDir& dir, const DiskEntry& entry);

  std::unordered_map<DevIno, Noted> noted_;
  std::deque<DiskDir> dirs_;
};

}  // namespace ostree
