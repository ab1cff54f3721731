#include "engine/tree_check.h"

#include <algorithm>

#include "engine/batches.h"
#include "engine/file_check.h"
#include "engine/loose.h"
#include "engine/verify.h"

namespace ostree {
namespace {

constexpr size_t kMaxDepth = 2048;

// In the order of their names, and so directory by directory.
std::vector<Checksum> Sorted(const std::unordered_set<Checksum>& set) {
  std::vector<Checksum> list(set.begin(), set.end());
  std::sort(list.begin(), list.end());
  return list;
}

template <class Load>
auto Unless(bool may_be_missing, const Load& load) -> std::optional<decltype(load())> {
  try {
    return load();
  } catch (const Failure& failure) {
    if (may_be_missing && failure.Is("NOT_FOUND")) return {};
    throw;
  }
}

}  // namespace

std::optional<CommitLinks> TreeCheck::Commit(const Checksum& commit) const {
  return Unless(missing_ == Missing::kIsLeft, [&] {
    return ParseCommit(LoadVerified(repo_, {OSTREE_OBJECT_TYPE_COMMIT, commit}).get());
  });
}

void TreeCheck::Load(const std::vector<Checksum>& dirtrees) {
  auto read = [this](const Checksum& dirtree) {
    return Unless(missing_ == Missing::kIsLeft, [&] {
      return ParseDirTree(LoadVerified(repo_, {OSTREE_OBJECT_TYPE_DIR_TREE, dirtree}).get());
    });
  };
  graph_.Load(dirtrees, read, cancellable_);
}

void TreeCheck::CheckDepth(const std::vector<Checksum>& dirtrees) const {
  if (graph_.Measure(dirtrees).depth > kMaxDepth)
    throw Failure("TOO_LARGE",
                  "Directories are nested more than " + std::to_string(kMaxDepth) + " levels deep");
}

void TreeCheck::CheckDirectoryMetadata(const std::unordered_set<Checksum>& dirmetas) const {
  auto list = Sorted(dirmetas);
  RunInBatches(list.size(), cancellable_, [&](size_t i) {
    Unless(missing_ == Missing::kIsLeft, [&] {
      return LoadVerified(repo_, {OSTREE_OBJECT_TYPE_DIR_META, list[i]});
    });
  });
}

void CheckFiles(OstreeRepo* repo, const std::unordered_set<Checksum>& files, GCancellable* cancellable) {
  if (!FileCheck::IsNeeded(repo)) return;
  auto list = Sorted(files);
  auto new_check = [&] { return std::make_unique<FileCheck>(repo, cancellable); };
  RunInBatches(list.size(), cancellable, new_check,
               [&](FileCheck& check, size_t i) { check.CheckLoadable(list[i]); });
}

void CheckWholeCommit(OstreeRepo* repo, const Checksum& commit, GCancellable* cancellable) {
  TreeCheck check(repo, TreeCheck::Missing::kFails, cancellable);
  auto root = check.Commit(commit)->root;
  check.Load({root.contents});
  check.CheckDepth({root.contents});
  TreeObjects objects;
  check.graph().Collect(root, objects);
  check.CheckDirectoryMetadata(objects.dirmetas);
  CheckFiles(repo, objects.files, cancellable);
}

void ThrowIfDamaged(const Failure& failure, OstreeRepo* repo, const std::unordered_set<Checksum>& files,
                    GCancellable* cancellable) {
  // Of what is compressed and ends too early, it says as of a connection that more input is needed.
  bool may_be_damage = failure.Is("NETWORK") || failure.Is("CORRUPT") || failure.Is("FAILED");
  if (failure.checksum || !may_be_damage) return;
  Verifier verifier(repo, cancellable, [](Verifier::Progress) {});
  verifier.VerifyFiles(Sorted(files));
  if (verifier.bad().empty()) return;
  const auto& bad = verifier.bad().front();
  if (bad.kind == BadObject::Kind::kMissing) throw ObjectFailure("NOT_FOUND", bad.object, bad.message);
  throw CorruptObject(bad.object.type, bad.object.checksum.Hex(), bad.message);
}

}  // namespace ostree
