#include "engine/glob.h"

#include <algorithm>

namespace ostree {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The start of the next UTF-8 character.
size_t Next(std::string_view text, size_t at) {
  do at++;
  while (at < text.size() && IsContinuation(text[at]));
  return at;
}

// Only the last star is ever tried again, so this takes at most
// pattern x name steps.
bool NameMatches(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = pattern.npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      p++;
      n = Next(name, n);
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      p++;
      n++;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = retry = Next(name, retry);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

}  // namespace

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    auto end = std::min(path.find('/'), path.size());
    if (end > 0) names.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return names;
}

Glob::Glob(const std::string& pattern) {
  if (!pattern.starts_with('/')) names_.push_back("**");
  for (auto name : SplitPath(pattern)) names_.emplace_back(name);
}

// The same algorithm as above, with names for characters and ** for the star.
bool Glob::Matches(const std::vector<std::string_view>& path) const {
  constexpr size_t kNone = -1;
  size_t p = 0, n = 0, star = kNone, retry = 0;
  while (n < path.size()) {
    if (p < names_.size() && names_[p] == "**") {
      star = p++;
      retry = n;
    } else if (p < names_.size() && NameMatches(names_[p], path[n])) {
      p++;
      n++;
    } else if (star != kNone) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < names_.size() && names_[p] == "**") p++;
  return p == names_.size();
}

}  // namespace ostree
