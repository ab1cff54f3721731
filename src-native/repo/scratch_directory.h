// A directory for a moment, with the other temporary files of the system.
#pragma once

#include <string>

namespace ostree {

class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();  // with all that is in it
  ScratchDirectory(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ostree
