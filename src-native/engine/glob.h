// Patterns for paths: `*` and `?` within a name, `**` for any number of names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ostree {

// The names of a path: "/usr//lib/" has two.
std::vector<std::string_view> SplitPath(std::string_view path);

class Glob {
 public:
  // One that begins with "/" is matched against the whole path, any other
  // against its end: "*.pyc" is "/**/*.pyc".
  explicit Glob(const std::string& pattern);

  bool Matches(const std::vector<std::string_view>& path) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace ostree
