// A directory of our own below another one, for a while: as ScratchDirectory, where it must be on the same
// file system as the repository, or another process would meet it.
#pragma once

#include <string>

namespace ostree {

class OwnDirectory {
 public:
  // Below `at`, which must stay open (or AT_FDCWD); `prefix` is what its path begins with.
  OwnDirectory(int at, const std::string& prefix);
  ~OwnDirectory();  // with all that is in it
  OwnDirectory(const OwnDirectory&) = delete;

  // Relative to `at`.
  const std::string& path() const { return path_; }

 private:
  const int at_;
  std::string path_;
};

}  // namespace ostree
