// Which paths of a tree are left out: those named, and those that match a pattern.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "engine/glob.h"

namespace ostree {

class SkipList {
 public:
  SkipList(const std::vector<std::string>& paths, const std::vector<std::string>& globs)
      : paths_(paths.begin(), paths.end()), globs_(globs.begin(), globs.end()) {}

  bool empty() const { return paths_.empty() && globs_.empty(); }
  // A path begins with "/", which alone is the root.
  bool Has(const std::string& path) const;

 private:
  const std::unordered_set<std::string> paths_;
  const std::vector<Glob> globs_;
};

}  // namespace ostree
