#include "engine/remove_tree.h"

#include <cerrno>
#include <vector>

#include "core/entries.h"
#include "core/failure.h"

namespace ostree {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::vector<std::string> Names(int dir, const PathName& path) {
  std::vector<std::string> names;
  auto add = [&names](const char* name, unsigned char) { names.emplace_back(name); };
  if (!ReadEntries(dir, add)) throw Failure::Errno("getdents64", path());
  return names;
}

// Whether it is gone; what is not is a directory with something in it.
bool RemoveOne(int dir, const std::string& name, const PathName& path) {
  if (unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  // Of a directory, Linux says EISDIR, POSIX EPERM.
  if (errno != EISDIR && errno != EPERM) throw Failure::Errno("unlinkat", path());
  int saved = errno;
  if (unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  if (errno == ENOTDIR) errno = saved;
  throw Failure::Errno("unlinkat", path());
}

// Moves the directories that are not empty up beside it, under numbers as names; everything else goes.
void Flatten(int top, const std::string& name, uint64_t& moved, const PathName& path,
             GCancellable* cancellable) {
  Fd dir(openat(top, name.c_str(), kDirectoryFlags));
  if (!dir) throw Failure::Errno("openat", path());
  for (const auto& child : Names(dir.get(), path)) {
    ThrowIfCancelled(cancellable);
    while (!RemoveOne(dir.get(), child, path)) {
      auto target = std::to_string(moved++);
      if (renameat(dir.get(), child.c_str(), top, target.c_str()) == 0) break;
      bool is_taken = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
      if (!is_taken) throw Failure::Errno("renameat", path());
    }
  }
}

}  // namespace

void RemoveTree(int dir, const std::string& name, const PathName& path, GCancellable* cancellable) {
  while (!RemoveOne(dir, name, path)) {
    Fd top(openat(dir, name.c_str(), kDirectoryFlags));
    if (!top) throw Failure::Errno("openat", path());
    uint64_t moved = 0;
    for (const auto& child : Names(top.get(), path)) {
      ThrowIfCancelled(cancellable);
      if (!RemoveOne(top.get(), child, path)) Flatten(top.get(), child, moved, path, cancellable);
    }
  }
}

}  // namespace ostree
