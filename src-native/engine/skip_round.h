// Asking about a source whose files come as a list, in any order, where a directory takes what is below it
// along.
#pragma once

#include <map>
#include <string>

#include "engine/rules.h"

namespace ostree {

class SkipRound {
 public:
  // `base` is where the source goes. Directories that it does not have itself belong to `parents`.
  SkipRound(const std::string& base, const Owner& parents)
      : base_(base == "/" ? "" : base), parents_(parents) {}

  // By its path in the source, in any form. The root is not asked about.
  void Add(const std::string& path, const Owner& owner, uint64_t size);
  // From the top down: of what is left out, nothing below is asked about.
  void Ask(Rules& rules);

 private:
  const std::string base_;
  const Owner parents_;
  std::map<size_t, std::map<std::string, SkipQuestion>> levels_;  // by depth, by path
};

}  // namespace ostree
