#include "engine/rules.h"

#include <sys/stat.h>

#include <algorithm>

#include "engine/names.h"
#include "engine/sepolicy.h"

namespace ostree {
namespace {

bool IsBareUserOnly(OstreeRepo* repo) {
  return ostree_repo_get_mode(repo) == OSTREE_REPO_MODE_BARE_USER_ONLY;
}

uint32_t Changed(uint32_t mode, const ModeChange& change) {
  if (change.kind == ModeChange::Kind::kAdd) return mode | change.bits;
  return (mode & S_IFMT) | change.bits;
}

void ThrowUnmatched(const char* option, std::vector<std::string> paths) {
  if (paths.empty()) return;
  std::sort(paths.begin(), paths.end());
  std::string message = std::string("Unmatched ") + option + " paths:";
  for (const auto& path : paths) message += " " + path;
  Failure failure("NOT_FOUND", message + " (no source of this commit has them)");
  failure.path = paths.front();
  throw failure;
}

}  // namespace

Rules::Rules(const CommitPlan& plan, OstreeRepo* repo)
    : uid_(plan.uid),
      gid_(plan.gid),
      bare_user_only_(IsBareUserOnly(repo)),
      canonical_(plan.canonical_permissions || bare_user_only_),
      read_only_executables_(plan.read_only_executables),
      xattrs_(plan.xattrs && !canonical_ && StoresXattrs(repo)),
      policy_(plan.policy),
      labels_usr_etc_as_etc_(plan.labels_usr_etc_as_etc),
      sorts_labels_(SortsLabels(repo)),
      asks_(plan.ask_skips) {
  for (const auto& path : plan.skip) skip_.emplace(path, false);
  for (const auto& pattern : plan.skip_globs) globs_.emplace_back(pattern);
  for (const auto& [path, change] : plan.stat_override) changes_.emplace(path, Change{change});
}

// An answer about one source says nothing of the next one.
std::vector<bool> Rules::Ask(const std::vector<SkipQuestion>& questions) {
  auto answers = asks_(questions);
  for (size_t i = 0; i < questions.size(); i++)
    if (answers[i])
      skip_.insert_or_assign(questions[i].path, true);
    else
      skip_.erase(questions[i].path);
  return answers;
}

bool Rules::Skips(const std::string& path) {
  bool skips = false;
  if (auto found = skip_.find(path); found != skip_.end()) skips = found->second = true;
  if (!skips && !globs_.empty()) {
    auto names = SplitPath(path);
    auto matches = [&names](const Glob& glob) { return glob.Matches(names); };
    skips = std::any_of(globs_.begin(), globs_.end(), matches);
  }
  if (skips) Find(path);  // it was there: an override of it has not gone astray
  return skips;
}

const ModeChange* Rules::Find(const std::string& path) {
  auto found = changes_.find(path);
  if (found == changes_.end()) return nullptr;
  found->second.matched = true;
  return &found->second.change;
}

void Rules::CheckLink(const ModeChange& change, const std::string& path) {
  if (Changed(S_IFLNK | 0777, change) == (S_IFLNK | 0777)) return;
  throw PathFailure("INVALID_ARGUMENT", "statOverride names a symbolic link, which has no mode of its own",
                    path);
}

void Rules::CheckAllMatched() const {
  std::vector<std::string> unmatched;
  for (const auto& [path, change] : changes_)
    if (!change.matched) unmatched.push_back(path);
  ThrowUnmatched("statOverride", unmatched);
  for (const auto& [path, matched] : skip_)
    if (!matched) unmatched.push_back(path);
  ThrowUnmatched("skip", unmatched);
}

// In the order of `ostree commit`: owner, executables, override, then what the
// repository or canonicalPermissions demand.
Owner Rules::Apply(Owner owner, const ModeChange* change) const {
  if (uid_) owner.uid = *uid_;
  if (gid_) owner.gid = *gid_;
  if (read_only_executables_ && S_ISREG(owner.mode) && (owner.mode & 0111)) owner.mode &= ~0222u;
  if (change) owner.mode = Changed(owner.mode, *change);
  if (canonical_) {
    owner.uid = owner.gid = 0;
    if (!S_ISLNK(owner.mode)) owner.mode &= S_IFMT | 0755;
  }
  return owner;
}

// What `--selinux-labeling-epoch=1` calls it: a file of /usr/etc is what /etc has later.
const std::string* Rules::Label(uint32_t mode, const PathName& path) const {
  if (!policy_) return nullptr;
  auto of = path();
  if (labels_usr_etc_as_etc_ && (of == "/usr/etc" || of.starts_with("/usr/etc/"))) of.erase(0, 4);
  return policy_->Label(of, mode);
}

Xattrs Rules::Labelled(const Xattrs& own, const std::string* label) const {
  return label ? WithLabel(own, *label, sorts_labels_) : own;
}

bool Rules::changes_files() const {
  if (labels()) return true;
  if (bare_user_only_) return read_only_executables_;
  return uid_ || gid_ || canonical_ || read_only_executables_ || !xattrs_;
}

}  // namespace ostree
