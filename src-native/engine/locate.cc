#include "engine/locate.h"

#include <unordered_set>

#include "engine/objects.h"

namespace ostree {
namespace {

// A directory that many trees share has a path in each of them.
constexpr size_t kMaxPaths = 100;

}  // namespace

// The search of one commit.
struct Locator::Walk {
  const Checksum& commit;
  std::unordered_set<Checksum> entered;
};

Locator::Locator(OstreeRepo* repo, const TreeGraph& graph, const std::vector<ObjectId>& objects)
    : repo_(repo), graph_(graph) {
  for (const auto& object : objects) places_[object];
}

bool Locator::IsWanted(OstreeObjectType type, const Checksum& checksum) const {
  return places_.contains({type, checksum});
}

bool Locator::LeadsThere(const Checksum& dirtree) {
  if (auto known = leads_.find(dirtree); known != leads_.end()) return known->second;
  leads_[dirtree] = false;  // a damaged one may lead to itself
  bool leads = false;
  if (auto* links = graph_.Find(dirtree)) {
    for (const auto& file : links->files) leads = leads || IsWanted(OSTREE_OBJECT_TYPE_FILE, file);
    for (const auto& dir : links->dirs)
      leads = leads || IsWanted(OSTREE_OBJECT_TYPE_DIR_META, dir.metadata) ||
              IsWanted(OSTREE_OBJECT_TYPE_DIR_TREE, dir.contents) || LeadsThere(dir.contents);
  }
  return leads_[dirtree] = leads;
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
  visits_[dirtree]++;
  std::string base = path == "/" ? path : path + "/";
  auto contents = LoadDirTree(repo_, dirtree);
  for (const auto& file : contents.files)
    Found(walk, {OSTREE_OBJECT_TYPE_FILE, file.checksum}, base + file.name);
  for (const auto& dir : contents.dirs) Enter(walk, {dir.contents, dir.metadata}, base + dir.name);
}

}  // namespace ostree
