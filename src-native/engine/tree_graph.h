// The directories of commits: which dirtree refers to what. Each is read once,
// on all cores, however many commits share it.
#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "engine/links.h"

namespace ostree {

// Objects that trees are made of.
struct TreeObjects {
  std::unordered_set<Checksum> files, dirtrees, dirmetas;
  size_t size() const { return files.size() + dirtrees.size() + dirmetas.size(); }
};

// What a directory comes to where every path within it counts, however often it leads to the same object.
struct TreeExtent {
  size_t depth = 0;      // of the longest path, in directories
  uint64_t entries = 0;  // stops counting at 2^62
};

class TreeGraph {
 public:
  // Reads a dirtree, on any thread. Nothing: it cannot be had, and whoever
  // reads has taken note of that.
  using Read = std::function<std::optional<TreeLinks>(const Checksum&)>;

  // Reads these and all that is below them, where it is not known yet.
  void Load(const std::vector<Checksum>& dirtrees, const Read& read, GCancellable* cancellable);

  // null: it could not be had.
  const TreeLinks* Find(const Checksum& dirtree) const;

  // Adds the directory and all that is below it, as far as it is known. What
  // `objects` holds already is not entered again.
  void Collect(const TreeLinks::Dir& root, TreeObjects& objects) const;

  // Visits the directory and all that is below it, as far as it is known: each once, and after what is in it.
  // What `seen` holds already is left out, what is visited is added.
  using Visit = std::function<void(const Checksum&, const TreeLinks&)>;
  void VisitUpwards(const Checksum& root, std::unordered_set<Checksum>& seen, const Visit& visit) const;

  // The most that any of these directories comes to, as far as they are known.
  TreeExtent Measure(const std::vector<Checksum>& roots) const;

 private:
  std::unordered_map<Checksum, TreeLinks> trees_;
};

}  // namespace ostree
