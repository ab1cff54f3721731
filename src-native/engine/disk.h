// Directories on disk, reached from descriptor to descriptor and never by a
// path: what is renamed or replaced meanwhile cannot lead anywhere else.
#pragma once

#include <sys/stat.h>

#include <deque>
#include <string>
#include <vector>

#include "core/ptr.h"

namespace ostree {

// A directory of a source, as the way from the source's own directory to it.
struct DiskDir {
  const DiskDir* parent;  // null: the source's own
  std::string name;       // of the source's own: its path
  size_t depth;
  Fd root;  // of the source's own only
  dev_t device = 0;
  ino_t inode = 0;

  std::string Path() const;
  std::string Path(const std::string& child) const;
};

// Opens the source's own directory. As with the CLI, a symbolic link is refused.
Fd OpenRoot(const std::string& path);

struct DiskEntry {
  std::string name;
  mode_t type;  // S_IFREG, S_IFDIR, …
};
std::vector<DiskEntry> ListDirectory(int fd, const DiskDir& dir);

// Opens directories, keeping a few descriptors on the way to the last one: the
// next one asked for is most often near it. One thread at a time.
class DirOpener {
 public:
  explicit DirOpener(size_t most) : most_(most) {}

  // Valid until the next call. Throws when it is no longer the directory that
  // was scanned.
  int Open(const DiskDir& dir);

 private:
  struct Held {
    const DiskDir* dir;
    Fd fd;
  };
  const Held* Find(const DiskDir& dir) const;

  const size_t most_;
  std::deque<Held> held_;  // each the parent of the next
};

}  // namespace ostree
