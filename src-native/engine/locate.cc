#include "engine/locate.h"

#include <algorithm>
#include <unordered_set>

#include "engine/objects.h"

namespace ostree {
namespace {

// A directory that many trees share has a path in each of them.
constexpr size_t kMaxPaths = 100;
// Deeper ones are not told: it calls itself for each level.
constexpr size_t kMaxDepth = 2048;

}  // namespace

// The search of one commit.
struct Locator::Walk {
  const Checksum& commit;
  std::unordered_set<Checksum> entered;
  size_t depth = 0;
};

Locator::Locator(OstreeRepo* repo, const TreeGraph& graph, const std::vector<ObjectId>& objects)
    : repo_(repo), graph_(graph) {
  for (const auto& object : objects) places_[object];
}

bool Locator::IsWanted(OstreeObjectType type, const Checksum& checksum) const {
  return places_.contains({type, checksum});
}

bool Locator::LeadsThere(const Checksum& root) {
  graph_.VisitUpwards(root, looked_at_, [this](const Checksum& dirtree, const TreeLinks& links) {
    bool leads = std::any_of(links.files.begin(), links.files.end(), [this](const Checksum& file) {
      return IsWanted(OSTREE_OBJECT_TYPE_FILE, file);
    });
    for (const auto& dir : links.dirs)
      leads = leads || IsWanted(OSTREE_OBJECT_TYPE_DIR_META, dir.metadata) ||
              IsWanted(OSTREE_OBJECT_TYPE_DIR_TREE, dir.contents) || leading_.contains(dir.contents);
    if (leads) leading_.insert(dirtree);
  });
  return leading_.contains(root);
}

void Locator::Found(Walk& walk, const ObjectId& object, const std::string& path) {
  auto found = places_.find(object);
  if (found == places_.end()) return;
  found->second.commits.insert(walk.commit);
  if (found->second.paths.size() < kMaxPaths) found->second.paths.insert(path);
}

void Locator::Search(const Checksum& commit, const TreeLinks::Dir& root) {
  Walk walk{commit, {}};
  if (auto found = places_.find({OSTREE_OBJECT_TYPE_COMMIT, commit}); found != places_.end())
    found->second.commits.insert(commit);
  Enter(walk, root, "/");
}

void Locator::Enter(Walk& walk, const TreeLinks::Dir& dir, const std::string& path) {
  Found(walk, {OSTREE_OBJECT_TYPE_DIR_META, dir.metadata}, path);
  Found(walk, {OSTREE_OBJECT_TYPE_DIR_TREE, dir.contents}, path);
  if (!LeadsThere(dir.contents)) return;
  // Once for each commit that has it, and often enough for the paths.
  bool first = walk.entered.insert(dir.contents).second;
  if (first || visits_[dir.contents] < kMaxPaths) Visit(walk, dir.contents, path);
}

void Locator::Visit(Walk& walk, const Checksum& dirtree, const std::string& path) {
  if (walk.depth == kMaxDepth) return;
  walk.depth++;
  visits_[dirtree]++;
  std::string base = path == "/" ? path : path + "/";
  // Not verified: one that is damaged, and can be read, still leads to what it names.
  auto contents = ParseDirContents(LoadMetadata(repo_, {OSTREE_OBJECT_TYPE_DIR_TREE, dirtree}).get());
  for (const auto& file : contents.files)
    Found(walk, {OSTREE_OBJECT_TYPE_FILE, file.checksum}, base + file.name);
  for (const auto& dir : contents.dirs) Enter(walk, {dir.contents, dir.metadata}, base + dir.name);
  walk.depth--;
}

}  // namespace ostree
