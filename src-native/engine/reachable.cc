#include "engine/reachable.h"

#include "core/failure.h"
#include "engine/load_metadata.h"
#include "engine/objects.h"

namespace ostree {
namespace {

// Verified, a directory cannot contain itself, nor a commit be its own ancestor.
Shared<GVariant> Load(OstreeRepo* repo, OstreeObjectType type, const Checksum& checksum,
                      GCancellable* cancellable) {
  auto object = LoadMetadata(repo, type, checksum.Hex(), cancellable);
  auto actual = ChecksumOf(object.get());
  if (actual != checksum) throw CorruptObject(type, checksum.Hex(), "actual checksum is " + actual.Hex());
  return object;
}

// Nothing: the history that was pulled ends here.
std::optional<CommitLinks> LoadIfThere(OstreeRepo* repo, const Checksum& commit, bool must_be_there,
                                       GCancellable* cancellable) {
  try {
    return ParseCommit(Load(repo, OSTREE_OBJECT_TYPE_COMMIT, commit, cancellable).get());
  } catch (const Failure& failure) {
    if (!must_be_there && failure.Is("NOT_FOUND")) return {};
    throw;
  }
}

}  // namespace

std::vector<ObjectId> Reachable::List() const {
  std::vector<ObjectId> list;
  list.reserve(commits.size() + trees.size());
  for (const auto& commit : commits) list.push_back({OSTREE_OBJECT_TYPE_COMMIT, commit});
  for (const auto& dirtree : trees.dirtrees) list.push_back({OSTREE_OBJECT_TYPE_DIR_TREE, dirtree});
  for (const auto& dirmeta : trees.dirmetas) list.push_back({OSTREE_OBJECT_TYPE_DIR_META, dirmeta});
  for (const auto& file : trees.files) list.push_back({OSTREE_OBJECT_TYPE_FILE, file});
  return list;
}

Reachable FindReachable(OstreeRepo* repo, const Checksum& commit, std::optional<uint64_t> depth,
                        GCancellable* cancellable) {
  Reachable result;
  TreeGraph graph;
  std::optional<Checksum> next = commit;
  for (uint64_t count = 0; next && (!depth || count <= *depth); count++) {
    ThrowIfCancelled(cancellable);
    auto links = LoadIfThere(repo, *next, count == 0, cancellable);
    if (!links) break;
    bool partial = CommitState(repo, *next) & OSTREE_REPO_COMMIT_STATE_PARTIAL;
    auto read = [&](const Checksum& dirtree) -> std::optional<TreeLinks> {
      try {
        return ParseDirTree(Load(repo, OSTREE_OBJECT_TYPE_DIR_TREE, dirtree, cancellable).get());
      } catch (const Failure& failure) {
        if (partial && failure.Is("NOT_FOUND")) return {};
        throw;
      }
    };
    graph.Load({links->root.contents}, read, cancellable);
    result.commits.push_back(*next);
    graph.Collect(links->root, result.trees);
    next = links->parent;
  }
  return result;
}

}  // namespace ostree
