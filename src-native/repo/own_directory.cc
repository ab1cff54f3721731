#include "own_directory.h"

#include <sys/stat.h>

#include <cerrno>

#include "core/failure.h"
#include "engine/remove_tree.h"

namespace ostree {

OwnDirectory::OwnDirectory(int at, const std::string& prefix) : at_(at) {
  for (;;) {
    path_ = prefix + std::to_string(g_random_int());
    if (mkdirat(at, path_.c_str(), 0755) == 0) return;
    if (errno != EEXIST) throw Failure::Errno("mkdirat", path_);
  }
}

// What stays in tmp/ libostree tidies itself.
OwnDirectory::~OwnDirectory() {
  try {
    RemoveTree(
        at_, path_, [this] { return path_; }, nullptr);
  } catch (const Failure&) {
    g_debug("%s was not removed", path_.c_str());
  }
}

}  // namespace ostree
