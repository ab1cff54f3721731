#include "engine/path_limit.h"

#include "core/failure.h"
#include "engine/tree_graph.h"

namespace ostree {
namespace {

// So many paths are cheap enough to be followed unasked.
constexpr uint64_t kFew = 200'000;
constexpr uint64_t kMaxPaths = 10'000'000;

}  // namespace

void PathLimit::Follow(const Checksum& root, size_t entries) {
  ThrowIfCancelled(cancellable_);
  paths_ += entries + 1;
  if (is_measured_ || paths_ < kFew) return;
  is_measured_ = true;
  TreeGraph graph;
  auto read = [this](const Checksum& dirtree) -> std::optional<TreeLinks> {
    try {
      return ParseDirTree(LoadMetadata(repo_, {OSTREE_OBJECT_TYPE_DIR_TREE, dirtree}).get());
    } catch (const Failure&) {
      ThrowIfCancelled(cancellable_);
      return {};  // who follows it says so
    }
  };
  graph.Load({root}, read, cancellable_);
  if (graph.Measure({root}).entries > kMaxPaths)
    throw Failure("TOO_LARGE",
                  "A tree of more than 10,000,000 paths is too large to be changed or merged path by path; "
                  "take it over as a whole");
}

}  // namespace ostree
