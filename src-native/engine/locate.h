// Where objects are: the commits that need them, and their paths in these.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/tree_graph.h"

namespace ostree {

struct Places {
  std::set<Checksum> commits;
  std::set<std::string> paths;  // the first hundred found
};

class Locator {
 public:
  Locator(OstreeRepo* repo, const TreeGraph& graph, const std::vector<ObjectId>& objects);

  void Search(const Checksum& commit, const TreeLinks::Dir& root);
  const Places& Of(const ObjectId& object) { return places_[object]; }

 private:
  struct Walk;

  bool IsWanted(OstreeObjectType type, const Checksum& checksum) const;
  bool LeadsThere(const Checksum& dirtree);
  void Found(Walk& walk, const ObjectId& object, const std::string& path);
  void Enter(Walk& walk, const TreeLinks::Dir& dir, const std::string& path);
  void Visit(Walk& walk, const Checksum& dirtree, const std::string& path);

  OstreeRepo* const repo_;
  const TreeGraph& graph_;
  std::map<ObjectId, Places> places_;
  std::unordered_set<Checksum> looked_at_, leading_;  // by LeadsThere()
  std::unordered_map<Checksum, size_t> visits_;
};

}  // namespace ostree
