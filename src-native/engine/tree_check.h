// What libostree is going to read of a commit, looked at before it does: it believes whatever a directory
// says, calls itself for every level of them, and ends the process over a file that says it is none.
#pragma once

#include "engine/tree_graph.h"

namespace ostree {

class TreeCheck {
 public:
  // What is not here may be left to libostree, which does without it or fails; else that is NOT_FOUND.
  enum class Missing { kFails, kIsLeft };

  TreeCheck(OstreeRepo* repo, Missing missing, GCancellable* cancellable)
      : repo_(repo), missing_(missing), cancellable_(cancellable) {}

  // What a commit refers to, verified; nothing: it is not here.
  std::optional<CommitLinks> Commit(const Checksum& commit) const;
  // Reads these directories and all below them, verified, so that none contains itself.
  void Load(const std::vector<Checksum>& dirtrees);
  const TreeGraph& graph() const { return graph_; }
  // TOO_LARGE where libostree's recursion would have no stack for these.
  void CheckDepth(const std::vector<Checksum>& dirtrees) const;
  void CheckDirectoryMetadata(const std::unordered_set<Checksum>& dirmetas) const;

 private:
  OstreeRepo* const repo_;
  const Missing missing_;
  GCancellable* const cancellable_;
  TreeGraph graph_;
};

// Where libostree will load these files. CORRUPT, naming the first that it must not.
void CheckFiles(OstreeRepo* repo, const std::unordered_set<Checksum>& files, GCancellable* cancellable);

// All that is below the root of a commit: before libostree checks it out, say.
void CheckWholeCommit(OstreeRepo* repo, const Checksum& commit, GCancellable* cancellable);

// libostree has failed over these files: CORRUPT (or NOT_FOUND) where one of them is damaged, naming it.
void ThrowIfDamaged(const Failure& failure, OstreeRepo* repo, const std::unordered_set<Checksum>& files,
                    GCancellable* cancellable);

}  // namespace ostree
