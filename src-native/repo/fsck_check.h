// The checks of fsck, in the order of `ostree fsck`, and what it mends.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/tree_graph.h"
#include "engine/verify.h"
#include "fsck_news.h"
#include "ref_targets.h"

namespace ostree {

struct FsckOptions {
  bool verifyBindings = false, verifyBackRefs = false;
  bool remove = false;       // deletes bad objects
  bool markPartial = false;  // marks the commits that lack objects
  bool tombstones = false;   // looks for commits whose parent is not here

  void Fields(auto&& field) {
    field("verifyBindings", verifyBindings);
    field("verifyBackRefs", verifyBackRefs);
    field("remove", remove);
    field("markPartial", markPartial);
    field("tombstones", tombstones);
  }
};

struct FsckFinding {
  FsckObjectName object;
  std::string kind, message;
  std::vector<std::string> commits, paths;
  std::optional<std::string> ref;
  bool deleted = false;

  void Fields(auto&& field) {
    field("object", object);
    field("kind", kind);
    field("message", message);
    field("commits", commits);
    field("paths", paths);
    field("ref", ref);
    field("deleted", deleted);
  }
};

struct FsckReport {
  std::string verdict;
  uint64_t objects = 0, commits = 0;
  std::vector<FsckFinding> findings;
  std::vector<std::string> markedPartial;
  std::vector<std::string> withoutParent;  // commits

  void Fields(auto&& field) {
    field("verdict", verdict);
    field("objects", objects);
    field("commits", commits);
    field("findings", findings);
    field("markedPartial", markedPartial);
    field("withoutParent", withoutParent);
  }
};

struct FsckProgress {
  uint64_t objects = 0;               // checked
  uint64_t total = 0;                 // known of
  uint64_t bytes = 0;                 // hashed
  std::vector<FsckFound> found = {};  // since the report before
  void Fields(auto&& field) {
    field("objects", objects);
    field("total", total);
    field("bytes", bytes);
    field("found", found);
  }
};

class FsckCheck {
 public:
  FsckCheck(OstreeRepo* repo, const FsckOptions& options, GCancellable* cancellable,
            std::function<void(FsckProgress)> on_progress, FsckNews& news);

  FsckReport Run();

 private:
  struct Commit {
    bool listed = false;      // it is there
    Shared<GVariant> object;  // null: it cannot be read
    CommitLinks links;
    OstreeRepoCommitState state = OSTREE_REPO_COMMIT_STATE_NORMAL;
    std::vector<std::string> refs;  // that name it
  };

  void ListCommits();
  void VerifyCommits();
  void VerifyCommit(const Checksum& checksum, Commit& commit);
  Shared<GVariant> LoadIfSound(const ObjectId& object);
  void CheckRefs();
  void CheckCommit(const Checksum& checksum, const Commit& commit);
  void VerifyTrees();
  void ReportBad();
  void Delete(const ObjectId& object, FsckFinding& finding);
  void MarkPartial();
  void MarkPartial(const std::string& commit);
  FsckFinding& Add(const ObjectId& object, const std::string& kind, const std::string& message);
  // The same of what the verifier has not told.
  FsckFinding& AddNew(const ObjectId& object, const std::string& kind, const std::string& message);
  std::string Verdict() const;

  OstreeRepo* const repo_;
  const FsckOptions options_;
  GCancellable* const cancellable_;
  const std::function<void(FsckProgress)> on_progress_;
  FsckNews& news_;
  std::atomic<uint64_t> total_ = 0;
  Verifier verifier_;
  std::vector<KeptRef> refs_;
  std::map<Checksum, Commit> commits_;
  TreeGraph graph_;
  std::set<std::string> lacking_;  // commits that an object is missing of
  FsckReport report_;
};

}  // namespace ostree
