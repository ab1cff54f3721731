// Files and links that appear under their name only when they are whole, so that neither a kill nor a failure
// leaves half of one.
#pragma once

#include <functional>
#include <string>

#include "core/ptr.h"
#include "engine/metadata.h"

namespace ostree {

// What to do where the name is taken.
enum class IfTaken { kFail, kKeep, kReplace };

class NewFile {
 public:
  // In this directory, for writing, with mode 0600; `path` is for errors.
  NewFile(int dir, PathName path);
  // Without a name it vanishes.
  ~NewFile();
  NewFile(const NewFile&) = delete;

  int fd() const { return fd_.get(); }
  // Gives it its name; false: the name was taken, and is kept.
  bool Link(const std::string& name, IfTaken if_taken);

 private:
  int LinkAs(const char* name) const;

  const int dir_;
  const PathName path_;
  Fd fd_;
  std::string temporary_;  // its name, where the file system knows no files without one
};

// Has `make` make something under the temporary name that it is given, and renames that over `name`. make()
// is a system call; false: that failed, errno says why, and nothing has changed.
bool ReplaceName(int dir, const std::string& name, const std::function<int(const char* temporary)>& make,
                 const PathName& path);

}  // namespace ostree
