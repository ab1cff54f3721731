#include "engine/tree_graph.h"

#include "engine/batches.h"

namespace ostree {
namespace {

// No path is longer than 4096 bytes, and what handles trees calls itself for
// each level.
constexpr size_t kMaxDepth = 2048;

}  // namespace

void TreeGraph::Load(const std::vector<Checksum>& dirtrees, const Read& read, GCancellable* cancellable) {
  std::unordered_set<Checksum> asked;
  std::vector<Checksum> level;            // to be read
  std::vector<Checksum> open = dirtrees;  // to be looked at
  auto look = [&] {
    while (!open.empty()) {
      auto dirtree = open.back();
      open.pop_back();
      if (!asked.insert(dirtree).second) continue;
      if (auto* links = Find(dirtree))
        for (const auto& dir : links->dirs) open.push_back(dir.contents);
      else
        level.push_back(dirtree);
    }
  };

  // Level by level: a task must not wait for another one.
  size_t depth = 0;
  for (look(); !level.empty(); look()) {
    if (++depth > kMaxDepth) throw Failure("TOO_LARGE", "Directories are nested more than 2048 deep");
    std::vector<std::optional<TreeLinks>> found(level.size());
    RunInBatches(level.size(), cancellable, [&](size_t i) { found[i] = read(level[i]); });
    for (size_t i = 0; i < level.size(); i++) {
      if (!found[i]) continue;
      for (const auto& dir : found[i]->dirs) open.push_back(dir.contents);
      trees_.emplace(level[i], std::move(*found[i]));
    }
    level.clear();
  }
}

const TreeLinks* TreeGraph::Find(const Checksum& dirtree) const {
  auto found = trees_.find(dirtree);
  return found == trees_.end() ? nullptr : &found->second;
}

void TreeGraph::Collect(const TreeLinks::Dir& root, TreeObjects& objects) const {
  std::vector<const TreeLinks*> open;
  auto add = [&](const TreeLinks::Dir& dir) {
    objects.dirmetas.insert(dir.metadata);
    if (!objects.dirtrees.insert(dir.contents).second) return;
    if (auto* links = Find(dir.contents)) open.push_back(links);
  };
  add(root);
  while (!open.empty()) {
    auto* links = open.back();
    open.pop_back();
    objects.files.insert(links->files.begin(), links->files.end());
    for (const auto& dir : links->dirs) add(dir);
  }
}

}  // namespace ostree
