#include "engine/skip_list.h"

#include <algorithm>

namespace ostree {

bool SkipList::Has(const std::string& path) const {
  if (paths_.contains(path)) return true;
  if (globs_.empty()) return false;
  auto names = SplitPath(path);
  return std::any_of(globs_.begin(), globs_.end(),
                     [&names](const Glob& glob) { return glob.Matches(names); });
}

}  // namespace ostree
