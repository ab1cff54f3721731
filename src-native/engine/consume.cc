#include "engine/consume.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/failure.h"
#include "engine/remove_tree.h"

namespace ostree {
namespace {

// The command, too, leaves the directory that it is called in.
bool IsWorkingDirectory(const DiskDir& dir) {
  struct stat status;
  return stat(".", &status) == 0 && status.st_dev == dir.device && status.st_ino == dir.inode;
}

// With something left in it, it stays.
bool RemoveDirectory(DirOpener& opener, const DiskDir& dir) {
  if (!dir.parent && IsWorkingDirectory(dir)) return true;
  int parent = dir.parent ? opener.Open(*dir.parent) : AT_FDCWD;
  return unlinkat(parent, dir.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

}  // namespace

void Consumption::Note(const struct stat& status, bool is_left_out) {
  noted_[DevIno::Of(status)] = {status.st_size, status.st_mtim, is_left_out};
}

bool Consumption::RemoveEntry(int fd, const DiskDir& dir, const DiskEntry& entry) {
  struct stat status;
  if (fstatat(fd, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT;
  auto found = noted_.find(DevIno::Of(status));
  if (found == noted_.end()) return false;
  const auto& noted = found->second;
  if (S_ISDIR(status.st_mode) && !noted.is_left_out) return true;  // it had its turn
  if (noted.is_left_out) {
    RemoveTree(
        fd, entry.name, [&] { return dir.Path(entry.name); }, nullptr);
    return true;
  }
  bool is_same = noted.size == status.st_size && noted.changed.tv_sec == status.st_mtim.tv_sec &&
                 noted.changed.tv_nsec == status.st_mtim.tv_nsec;
  return is_same && unlinkat(fd, entry.name.c_str(), 0) == 0;
}

void Consumption::RemoveEntries(int fd, const DiskDir& dir, std::vector<std::string>& left) {
  for (const auto& entry : ListDirectory(fd, dir)) {
    bool is_removed = false;
    try {
      is_removed = RemoveEntry(fd, dir, entry);
    } catch (const Failure&) {
      // It is among what is left.
    }
    if (!is_removed) left.push_back(dir.Path(entry.name));
  }
}

std::vector<std::string> Consumption::Remove() {
  std::vector<std::string> left;
  DirOpener opener(32);
  // Those within others first.
  for (auto dir = dirs_.rbegin(); dir != dirs_.rend(); ++dir) {
    try {
      auto before = left.size();
      RemoveEntries(opener.Open(*dir), *dir, left);
      if (!RemoveDirectory(opener, *dir) && left.size() == before) left.push_back(dir->Path());
    } catch (const Failure&) {
      left.push_back(dir->Path());
    }
  }
  std::sort(left.begin(), left.end());
  left.erase(std::unique(left.begin(), left.end()), left.end());
  return left;
}

}  // namespace ostree
