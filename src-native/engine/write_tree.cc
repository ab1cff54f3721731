#include "engine/write_tree.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "core/failure.h"
#include "core/task_group.h"
#include "engine/dirtree.h"
#include "engine/ingest.h"
#include "engine/objects.h"
#include "engine/pool.h"
#include "engine/scan.h"
#include "engine/settler.h"

namespace ostree {
namespace {

// So many directories are one task.
constexpr size_t kBatch = 32;
// What one task may have open: directories on the way, the file, libostree's
// temporary file, and some room.
constexpr rlim_t kDescriptorsPerTask = 12;
constexpr rlim_t kDescriptorsKept = 64;

// How many tasks there may be: what was asked for or twice the cores, and no
// more than there are descriptors for.
size_t TaskLimit(unsigned concurrency) {
  size_t limit = concurrency ? concurrency : 2 * TaskGroup::Threads();
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    rlim_t free = files.rlim_cur > kDescriptorsKept ? files.rlim_cur - kDescriptorsKept : 0;
    limit = std::min<size_t>(limit, free / kDescriptorsPerTask);
  }
  return std::max<size_t>(limit, 1);
}

void Scan(const CommitPlan& plan, Scanner& scanner, OstreeRepo* repo, Tree& tree) {
  if (plan.base) {
    auto base = LoadCommitRoot(repo, *plan.base, "");
    tree.Overlay(tree.root(), base.contents, base.metadata);
  }
  for (const auto& source : plan.sources) scanner.Add(source);
  if (!tree.root().has_metadata) throw Failure("INVALID_ARGUMENT", "Can't commit an empty tree");
}

// Of a single directory, nothing that was found is taken away by what is found later.
bool IsOneDirectory(const CommitPlan& plan) {
  return !plan.base && plan.sources.size() == 1 && std::holds_alternative<DirSource>(plan.sources[0].from);
}

// Calls work(item) for every item, in batches, on the engine pool.
template <class Item, class Begin>
void ForEach(const std::vector<Item>& items, size_t limit, GCancellable* cancellable, Begin begin) {
  TaskGroup group(cancellable, limit);
  for (size_t first = 0; first < items.size(); first += kBatch) {
    size_t last = std::min(first + kBatch, items.size());
    group.Run([&group, &items, &begin, first, last] {
      auto work = begin();
      for (size_t i = first; i < last && !group.stopped(); i++) work(items[i]);
    });
  }
  group.Wait();
}

void WriteDirectories(Tree& tree, ObjectWriter& writer, size_t limit, GCancellable* cancellable) {
  for (const auto& [checksum, object] : tree.new_metadata())
    writer.WriteMetadata(OSTREE_OBJECT_TYPE_DIR_META, checksum, object.get());

  // A dirtree names those below it, so the deepest come first.
  std::vector<std::vector<TreeDir*>> levels;
  for (auto& dir : tree.dirs()) {
    if (dir.is_whole || dir.is_removed) continue;
    if (levels.size() <= dir.depth) levels.resize(dir.depth + 1);
    levels[dir.depth].push_back(&dir);
  }
  for (; !levels.empty(); levels.pop_back())
    ForEach(levels.back(), limit, cancellable, [&writer] {
      return [&writer](TreeDir* dir) {
        auto object = DirTree(*dir);
        dir->contents = ChecksumOf(object.get());
        writer.WriteMetadata(OSTREE_OBJECT_TYPE_DIR_TREE, dir->contents, object.get());
      };
    });
}

}  // namespace

WrittenTree WriteTree(const CommitPlan& plan, OstreeRepo* repo, GCancellable* cancellable,
                      const ReportProgress& report) {
  Tally tally(report);
  Rules rules(plan, repo);
  StatCache cache(plan, repo, rules.keeps_xattrs(), cancellable);
  Tree tree(repo, cancellable);
  Scanner scanner(plan, repo, rules, tree, tally, cancellable);
  ObjectWriter writer(repo, cancellable, tally);
  Pool<Ingest> pool([repo, &rules, &writer, &cache, &tally, cancellable] {
    return std::make_unique<Ingest>(repo, rules, writer, cache, tally, cancellable);
  });
  auto limit = TaskLimit(plan.concurrency);
  Settler settler(pool, cache, tally, cancellable, limit);
  bool at_once = IsOneDirectory(plan);
  if (at_once) scanner.OnDirectory([&settler](TreeDir& dir) { settler.Add(dir); });
  Scan(plan, scanner, repo, tree);
  rules.CheckAllMatched();
  if (!at_once)
    for (auto& dir : tree.dirs()) settler.Add(dir);
  tally.SettleTotal(settler.count());
  tally.SetPhase("files");
  settler.Wait();

  tally.SetPhase("metadata");
  WriteDirectories(tree, writer, limit, cancellable);
  cache.Save();
  return {tree.root().contents, tree.root().metadata, tally.Stats(), scanner.TakeConsumption()};
}

}  // namespace ostree
