#include "engine/tree_graph.h"

#include <algorithm>

#include "engine/batches.h"

namespace ostree {
namespace {

constexpr uint64_t kMostEntries = uint64_t{1} << 62;

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
  for (look(); !level.empty(); look()) {
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

void TreeGraph::VisitUpwards(const Checksum& root, std::unordered_set<Checksum>& seen,
                             const Visit& visit) const {
  struct Step {
    Checksum dirtree;
    bool leave;  // all below it has been visited
  };
  std::vector<Step> open = {{root, false}};
  while (!open.empty()) {
    auto [dirtree, leave] = open.back();
    open.pop_back();
    // A damaged one may lead to itself: then it is seen, but not yet visited.
    if (!leave && !seen.insert(dirtree).second) continue;
    auto* links = Find(dirtree);
    if (!links) continue;
    if (leave) {
      visit(dirtree, *links);
      continue;
    }
    open.push_back({dirtree, true});
    for (const auto& dir : links->dirs) open.push_back({dir.contents, false});
  }
}

TreeExtent TreeGraph::Measure(const std::vector<Checksum>& roots) const {
  std::unordered_map<Checksum, TreeExtent> extents;
  std::unordered_set<Checksum> seen;
  TreeExtent most;
  auto visit = [&](const Checksum& dirtree, const TreeLinks& links) {
    TreeExtent extent{0, links.files.size() + links.dirs.size()};
    for (const auto& dir : links.dirs) {
      const auto& below = extents[dir.contents];
      extent.depth = std::max(extent.depth, below.depth);
      extent.entries = std::min(extent.entries + below.entries, kMostEntries);
    }
    extent.depth++;
    extents[dirtree] = extent;
  };
  for (const auto& root : roots) {
    VisitUpwards(root, seen, visit);
    most.depth = std::max(most.depth, extents[root].depth);
    most.entries = std::max(most.entries, extents[root].entries);
  }
  return most;
}

}  // namespace ostree
