// Which commits a prune keeps: the policies of `ostree prune`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/links.h"
#include "ref_targets.h"

namespace ostree {

// What is kept of the branches that a pattern matches; without either, all.
struct BranchRule {
  std::string pattern;           // a Glob; the first rule that matches counts
  std::optional<int32_t> depth;  // so many parents of the head,
  std::optional<int64_t> since;  // and what is younger

  void Fields(auto&& field) {
    field("pattern", pattern);
    field("depth", depth);
    field("since", since);
  }
};

struct PruneOptions {
  bool refsOnly = false;                       // false: every commit that is here is kept
  int32_t depth = -1;                          // how many parents of each to keep; -1: all
  std::optional<int64_t> keepYoungerThan;      // seconds since 1970; instead of depth
  std::vector<std::string> onlyBranches;       // all others are kept with their whole history
  std::map<std::string, int32_t> retainDepth;  // depth by branch
  bool commitOnly = false;                     // commits only are deleted
  std::optional<std::string> deleteCommit;     // this one first
  bool staticDeltas = false;                   // of deleteCommit only its deltas; without it, only deltas
  bool dryRun = false;
  std::vector<BranchRule> rules;  // in place of all that is said of branches above; the last matches all
  bool headDeltasOnly = false;    // with rules: static deltas to commits that no ref names go, too

  void Fields(auto&& field) {
    field("refsOnly", refsOnly);
    field("depth", depth);
    field("keepYoungerThan", keepYoungerThan);
    field("onlyBranches", onlyBranches);
    field("retainDepth", retainDepth);
    field("commitOnly", commitOnly);
    field("deleteCommit", deleteCommit);
    field("staticDeltas", staticDeltas);
    field("dryRun", dryRun);
    field("rules", rules);
    field("headDeltasOnly", headDeltasOnly);
  }
};

struct KeptCommit {
  CommitLinks links;
  bool partial = false;
};
using KeptCommits = std::map<Checksum, KeptCommit>;

KeptCommits CommitsToKeep(OstreeRepo* repo, const PruneOptions& options, GCancellable* cancellable);

// Fails when a ref names the commit.
void CheckUnreferenced(OstreeRepo* repo, const std::string& commit, GCancellable* cancellable);

}  // namespace ostree
