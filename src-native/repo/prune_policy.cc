#include "prune_policy.h"

#include <algorithm>
#include <limits>

#include "engine/glob.h"
#include "rev.h"

namespace ostree {
namespace {

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();

// Follows history, and remembers what it passed.
class History {
 public:
  History(OstreeRepo* repo, GCancellable* cancellable) : repo_(repo), cancellable_(cancellable) {}

  // The commit and so many of its parents, as far as they are here.
  void Keep(std::optional<Checksum> commit, int64_t parents) {
    for (; commit; parents -= parents == kAll ? 0 : 1) {
      auto [reached, first] = reached_.try_emplace(*commit, parents);
      if (!first && reached->second >= parents) return;
      reached->second = parents;
      auto* links = Read(*commit);
      if (!links || parents == 0) return;
      commit = links->parent;
    }
  }

  // The commit whatever its age, and its parents up to the first that is older.
  void KeepSince(std::optional<Checksum> commit, int64_t time) {
    Keep(commit, 0);
    while (auto* links = commit ? Read(*commit) : nullptr) {
      if (time > 0 && links->timestamp < static_cast<uint64_t>(time)) return;
      Keep(commit, 0);
      commit = links->parent;
    }
  }

  KeptCommits Take() {
    KeptCommits kept;
    for (const auto& [commit, parents] : reached_) {
      auto* links = Read(commit);
      if (links)
        kept[commit] = {*links, (CommitState(repo_, commit) & OSTREE_REPO_COMMIT_STATE_PARTIAL) != 0};
    }
    return kept;
  }

 private:
  // null: it is not here, which is no error: history may be cut short.
  const CommitLinks* Read(const Checksum& commit) {
    ThrowIfCancelled(cancellable_);
    auto [entry, first] = read_.try_emplace(commit);
    if (first && IsHere(commit)) entry->second = ParseCommit(LoadVerified(repo_, CommitId(commit)).get());
    return entry->second ? &*entry->second : nullptr;
  }

  bool IsHere(const Checksum& commit) {
    gboolean here = FALSE;
    Try(ostree_repo_has_object, repo_, OSTREE_OBJECT_TYPE_COMMIT, commit.Hex().c_str(), &here, cancellable_);
    return here;
  }

  static ObjectId CommitId(const Checksum& commit) { return {OSTREE_OBJECT_TYPE_COMMIT, commit}; }

  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  std::map<Checksum, std::optional<CommitLinks>> read_;
  std::map<Checksum, int64_t> reached_;  // and how many parents of each are kept
};

int64_t Parents(int32_t depth) { return depth < 0 ? kAll : depth; }

// What a damaged ref named may be needed.
Checksum Target(const KeptRef& ref) {
  if (ostree_validate_checksum_string(ref.target.c_str(), nullptr)) return Checksum::FromHex(ref.target);
  Failure failure("CORRUPT",
                  "Ref " + ref.Print() + " holds no checksum; nothing is pruned before it is mended");
  failure.ref = ref.Print();
  throw failure;
}

// The refs of a repository that has a collection id are listed once more, by that.
bool IsListedTwice(const KeptRef& ref, const std::vector<KeptRef>& refs) {
  return ref.collection && std::any_of(refs.begin(), refs.end(), [&ref](const KeptRef& other) {
           return !other.collection && other.refspec == ref.ref && other.target == ref.target;
         });
}

// The first rule that matches; where none does, everything is kept.
void KeepByRules(History& history, const KeptRef& ref, const std::vector<BranchRule>& rules) {
  const auto& name = ref.collection ? ref.ref : ref.refspec;
  auto rule = std::find_if(rules.begin(), rules.end(), [&name](const BranchRule& other) {
    return Glob(other.pattern).Matches(SplitPath(name));
  });
  if (rule == rules.end() || (!rule->depth && !rule->since)) return history.Keep(Target(ref), kAll);
  history.Keep(Target(ref), Parents(rule->depth.value_or(0)));
  if (rule->since) history.KeepSince(Target(ref), *rule->since);
}

void KeepBranch(History& history, const KeptRef& ref, const PruneOptions& options) {
  auto only = [&options](const std::string& name) {
    return std::find(options.onlyBranches.begin(), options.onlyBranches.end(), name) !=
           options.onlyBranches.end();
  };
  auto retain = options.retainDepth.find(ref.refspec);
  if (!ref.collection && retain != options.retainDepth.end())
    history.Keep(Target(ref), Parents(retain->second));
  else if (!options.onlyBranches.empty() && (ref.collection || !only(ref.refspec)))
    history.Keep(Target(ref), kAll);
  else if (options.keepYoungerThan)
    history.KeepSince(Target(ref), *options.keepYoungerThan);
  else
    history.Keep(Target(ref), Parents(options.depth));
}

}  // namespace

KeptCommits CommitsToKeep(OstreeRepo* repo, const PruneOptions& options, GCancellable* cancellable) {
  History history(repo, cancellable);
  auto keep = [&](const KeptRef& ref) {
    if (options.rules.empty())
      KeepBranch(history, ref, options);
    else
      KeepByRules(history, ref, options.rules);
  };
  bool by_branch = !options.rules.empty() || options.keepYoungerThan || !options.onlyBranches.empty() ||
                   !options.retainDepth.empty();
  for (const auto& branch : options.onlyBranches) ResolveRev(repo, branch);  // it must be there
  if (by_branch || options.refsOnly) {
    auto refs = ListKeptRefs(repo, cancellable);
    for (const auto& ref : refs)
      if (!IsListedTwice(ref, refs)) keep(ref);
  } else {
    for (const auto& commit : ListCommits(repo, cancellable)) history.Keep(commit, Parents(options.depth));
  }
  return history.Take();
}

void CheckUnreferenced(OstreeRepo* repo, const std::string& commit, GCancellable* cancellable) {
  for (const auto& ref : ListKeptRefs(repo, cancellable)) {
    if (ref.target != commit) continue;
    Failure failure("CONFLICT", "Commit '" + commit + "' is referenced by '" + ref.Print() + "'");
    failure.checksum = commit;
    failure.ref = ref.Print();
    failure.details = Shared<GVariant>::Share(g_variant_new_parsed(
        "{'ref': <%s>, 'expected': <@ms nothing>, 'actual': <%s>}", ref.Print().c_str(), commit.c_str()));
    throw failure;
  }
}

}  // namespace ostree
