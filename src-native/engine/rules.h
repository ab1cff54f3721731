// What a commit leaves out and what it changes on the way: the options that
// `ostree commit` gives its commit modifier.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/glob.h"
#include "engine/metadata.h"
#include "engine/plan.h"

namespace ostree {

class Rules {
 public:
  Rules(const CommitPlan& plan, OstreeRepo* repo);

  // The thread that scans. Paths begin with "/", which alone is the root.
  bool has_paths() const { return !skip_.empty() || !globs_.empty() || !changes_.empty() || asks_; }
  // Whether Skips() knows of a path only once it was asked about.
  bool asks() const { return static_cast<bool>(asks_); }
  std::vector<bool> Ask(const std::vector<SkipQuestion>& questions);
  bool Skips(const std::string& path);
  const ModeChange* Find(const std::string& path);
  // In a bare repository the link would not be what its checksum says.
  static void CheckLink(const ModeChange& change, const std::string& path);
  // Throws when a path of `skip` or `statOverride` was in none of the sources.
  void CheckAllMatched() const;

  // Any thread.
  // What the policy has for a path, which is asked for where there is one; null: no label.
  const std::string* Label(uint32_t mode, const PathName& path) const;
  // What a file has of its own, with the label in the place of any other.
  Xattrs Labelled(const Xattrs& own, const std::string* label) const;
  Xattrs Labelled(const Xattrs& own, uint32_t mode, const PathName& path) const {
    return Labelled(own, Label(mode, path));
  }
  bool labels() const { return policy_ != nullptr; }
  Owner Apply(Owner owner, const ModeChange* change) const;
  bool keeps_xattrs() const { return xattrs_; }
  // Whether directories, or files, that come from a commit may change. A
  // bare-user-only repository has its files in canonical form already.
  bool changes_dirs() const { return canonical_ || changes_files(); }
  bool changes_files() const;

 private:
  struct Change {
    ModeChange change;
    bool matched = false;
  };

  const std::optional<uint32_t> uid_, gid_;
  const bool bare_user_only_;
  const bool canonical_, read_only_executables_, xattrs_;
  const std::shared_ptr<const SePolicy> policy_;
  const bool labels_usr_etc_as_etc_, sorts_labels_;
  std::unordered_map<std::string, bool> skip_;  // path, and whether it matched
  const AskSkips asks_;
  std::vector<Glob> globs_;
  std::unordered_map<std::string, Change> changes_;
};

}  // namespace ostree
