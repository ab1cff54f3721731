#include "prune.h"

#include <mutex>

#include "prune_sweep.h"
#include "repo.h"
#include "repo_lock.h"

namespace ostree {
namespace {

// The trees that were read before the lock was taken.
struct PruneScan {
  static constexpr napi_type_tag kTag = {0x27c95de81fb04a63, 0xa1e8d04b96f7732c};
  static constexpr const char* kName = "prune scan";
  static constexpr bool kDropOnJsThread = false;

  // For one prune; JS may start several with it. Another one reads them anew.
  TreeGraph Take() {
    std::lock_guard lock(mutex);
    return std::exchange(graph, {});
  }

  std::mutex mutex;
  TreeGraph graph;
};

// Reads the trees of these commits. Directories that are not here are no error when `lenient`.
void LoadTrees(OstreeRepo* repo, const KeptCommits& commits, bool partial, bool lenient, TreeGraph& graph,
               GCancellable* cancellable) {
  std::vector<Checksum> roots;
  for (const auto& [checksum, commit] : commits)
    if (commit.partial == partial) roots.push_back(commit.links.root.contents);
  auto read = [repo, lenient](const Checksum& checksum) -> std::optional<TreeLinks> {
    try {
      return ParseDirTree(LoadVerified(repo, {OSTREE_OBJECT_TYPE_DIR_TREE, checksum}).get());
    } catch (const Failure& failure) {
      if (lenient && failure.Is("NOT_FOUND")) return {};
      throw;
    }
  };
  graph.Load(roots, read, cancellable);
}

TreeObjects ReachableObjects(OstreeRepo* repo, const KeptCommits& commits, TreeGraph& graph,
                             GCancellable* cancellable) {
  LoadTrees(repo, commits, /* partial */ false, /* lenient */ false, graph, cancellable);
  LoadTrees(repo, commits, /* partial */ true, /* lenient */ true, graph, cancellable);
  TreeObjects objects;
  for (const auto& [checksum, commit] : commits) graph.Collect(commit.links.root, objects);
  return objects;
}

void DeleteCommit(OstreeRepo* repo, const PruneOptions& options, GCancellable* cancellable) {
  const auto& commit = *options.deleteCommit;
  if (options.staticDeltas) {
    Try(ostree_repo_prune_static_deltas, repo, commit.c_str(), cancellable);
    return;
  }
  CheckUnreferenced(repo, commit, cancellable);
  Try(ostree_repo_delete_object, repo, OSTREE_OBJECT_TYPE_COMMIT, commit.c_str(), cancellable);
}

// As ostree_repo_prune_static_deltas(), but of all commits that are not kept.
PruneResult PruneDeltas(OstreeRepo* repo, const PruneOptions& options, GCancellable* cancellable) {
  auto commits = CommitsToKeep(repo, options, cancellable);
  auto stale = StaleDeltas(repo, commits, /* heads_only */ false, cancellable);
  PruneResult result;
  result.total = ListDeltas(repo, cancellable).size();
  result.pruned = stale.size();
  for (const auto& delta : stale) result.bytes += DeltaSize(repo, delta);
  if (!options.dryRun) RemoveDeltas(repo, stale);
  return result;
}

PruneResult Prune(OstreeRepo* repo, const PruneOptions& options, TreeGraph& graph,
                  GCancellable* cancellable) {
  if (!options.dryRun) CheckDeltaNames(repo, cancellable);  // libostree removes deltas by these
  if (options.staticDeltas && !options.deleteCommit) return PruneDeltas(repo, options, cancellable);
  if (options.deleteCommit) DeleteCommit(repo, options, cancellable);
  auto commits = CommitsToKeep(repo, options, cancellable);
  KeptObjects kept{commits, {}};
  if (!options.commitOnly) kept.trees = ReachableObjects(repo, commits, graph, cancellable);
  auto* sweep = options.dryRun ? CountSweep : Sweep;
  if (options.rules.empty()) return sweep(repo, kept, options.commitOnly, cancellable);

  auto deltas = StaleDeltas(repo, commits, options.headDeltasOnly, cancellable);
  auto tally = TallyPrune(repo, kept, deltas, cancellable);
  auto result = sweep(repo, kept, options.commitOnly, cancellable);
  if (!options.dryRun) RemoveDeltas(repo, deltas);
  result.tally = std::move(tally);
  return result;
}

}  // namespace

// ostree_repo_has_object
Napi::Value PruneCheckDelete(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto commit = args.Next<std::string>("commit");
  return Async(args, repo->ReadWork(), [repo, commit](Job& job) {
    auto handle = repo->reader();
    CommitState(handle.get(), Checksum::FromHex(commit));  // it is there
    CheckUnreferenced(handle.get(), commit, job.cancellable());
  });
}

// ostree_repo_load_variant, of every directory that may be kept
Napi::Value PruneScanTrees(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<PruneOptions>("options");
  return Async(args, repo->SharedWork("prune"), [repo, options](Job& job) {
    auto scan = std::make_shared<PruneScan>();
    if (options.commitOnly || (options.staticDeltas && !options.deleteCommit)) return scan;
    auto handle = repo->OpenWriter(job.cancellable());
    try {
      // Others may be writing and pruning: what is missing is asked for again under the lock.
      auto commits = CommitsToKeep(handle.get(), options, job.cancellable());
      LoadTrees(handle.get(), commits, false, /* lenient */ true, scan->graph, job.cancellable());
      LoadTrees(handle.get(), commits, true, /* lenient */ true, scan->graph, job.cancellable());
    } catch (const Failure& failure) {
      if (!failure.Is("NOT_FOUND")) throw;
    }
    return scan;
  });
}

// ostree_repo_prune_from_reachable, ostree_repo_prune_static_deltas
Napi::Value PruneRun(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<PruneOptions>("options");
  auto scan = args.Handle<PruneScan>("scan");
  auto executor = options.dryRun ? repo->SharedWork("prune") : repo->ExclusiveWork("prune");
  return Async(args, executor, [repo, options, scan](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    auto type = options.dryRun ? OSTREE_REPO_LOCK_SHARED : OSTREE_REPO_LOCK_EXCLUSIVE;
    RepoLockGuard lock(*repo, handle, type, job.cancellable());
    auto graph = scan->Take();  // goes with this operation, not with the collector
    return Prune(handle.get(), options, graph, job.cancellable());
  });
}

}  // namespace ostree
