#include "engine/disk.h"

#include <cerrno>

#include "core/entries.h"
#include "core/failure.h"
#include "engine/names.h"

namespace ostree {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

mode_t TypeOf(unsigned char type, const char* name, int fd, const DiskDir& dir) {
  // Some file systems do not tell.
  if (type != DT_UNKNOWN) return DTTOIF(type);
  struct stat status;
  if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) throw Failure::Errno("fstatat", dir.Path(name));
  return status.st_mode & S_IFMT;
}

// Throws when it was another directory that was scanned.
void CheckSame(int fd, const DiskDir& dir) {
  if (dir.inode == 0) return;  // this is its scan
  struct stat status;
  if (fstat(fd, &status) < 0) throw Failure::Errno("fstat", dir.Path());
  if (status.st_dev == dir.device && status.st_ino == dir.inode) return;
  throw PathFailure("FAILED", "A directory was replaced while it was in use", dir.Path());
}

}  // namespace

std::string DiskDir::Path() const {
  std::vector<const DiskDir*> way;
  for (auto* dir = this; dir; dir = dir->parent) way.push_back(dir);
  std::string path = way.back()->name;
  way.pop_back();
  for (; !way.empty(); way.pop_back()) path += (path.ends_with('/') ? "" : "/") + way.back()->name;
  return path;
}

std::string DiskDir::Path(const std::string& child) const {
  auto path = Path();
  return path + (path.ends_with('/') ? "" : "/") + child;
}

Fd OpenRoot(const std::string& path) {
  Fd fd(open(path.c_str(), kDirectoryFlags));
  if (!fd) throw Failure::Errno("open", path);
  return fd;
}

std::vector<DiskEntry> ListDirectory(int fd, const DiskDir& dir) {
  std::vector<DiskEntry> entries;
  auto add = [&](const char* name, unsigned char type) {
    entries.push_back({name, TypeOf(type, name, fd, dir)});
  };
  if (!ReadEntries(fd, add)) throw Failure::Errno("getdents64", dir.Path());
  return entries;
}

const DirOpener::Held* DirOpener::Find(const DiskDir& dir) const {
  if (held_.empty() || dir.depth < held_.front().dir->depth) return nullptr;
  size_t index = dir.depth - held_.front().dir->depth;
  return index < held_.size() && held_[index].dir == &dir ? &held_[index] : nullptr;
}

int DirOpener::Open(const DiskDir& dir) {
  // Up to the nearest one that is open already…
  std::vector<const DiskDir*> missing;
  const DiskDir* at = &dir;
  for (; at->parent && !Find(*at); at = at->parent) missing.push_back(at);
  while (!held_.empty() && held_.back().dir != at) held_.pop_back();

  // …and down again.
  for (; !missing.empty(); missing.pop_back()) {
    int parent = held_.empty() ? at->root.get() : held_.back().fd.get();
    Fd fd(openat(parent, missing.back()->name.c_str(), kDirectoryFlags));
    if (!fd) throw Failure::Errno("openat", missing.back()->Path());
    CheckSame(fd.get(), *missing.back());
    held_.push_back({missing.back(), std::move(fd)});
    if (held_.size() > most_) held_.pop_front();
  }
  return held_.empty() ? at->root.get() : held_.back().fd.get();
}

}  // namespace ostree
