// A remote that was found to have refs of a collection.
#pragma once

#include <memory>

#include "pull_options.h"
#include "repo.h"

namespace ostree {

struct FreeFinderResult {
  void operator()(OstreeRepoFinderResult* result) const { ostree_repo_finder_result_free(result); }
};
using FinderResult = std::unique_ptr<OstreeRepoFinderResult, FreeFinderResult>;

// As JS holds it. It never changes.
struct FoundRemote {
  static constexpr napi_type_tag kTag = {0x6c0f4e2b9d1a4387, 0x95b7c3e81f2d60a4};
  static constexpr const char* kName = "found remote";
  static constexpr bool kDropOnJsThread = false;

  FinderResult result;
};

struct FoundRef {
  std::string collectionId, ref;
  Nullable<std::string> checksum;  // null: another remote has a newer commit, or this one has none
  Nullable<double> timestamp;      // seconds

  void Fields(auto&& field) {
    field("collectionId", collectionId);
    field("ref", ref);
    field("checksum", checksum);
    field("timestamp", timestamp);
  }
};

// Sorted.
std::vector<FoundRef> RefsOf(const OstreeRepoFinderResult* result);

// Null-terminated.
Owned<OstreeCollectionRef*> ToCollectionRefs(const std::vector<CollectionRefOption>& refs);

Nullable<double> Seconds(guint64 time);  // 0: not known

// All remotes of a collection may be asked, and their keys verify what is found elsewhere.
void CheckCollectionRemotes(const Repo& repo, OstreeRepo* handle);

}  // namespace ostree
