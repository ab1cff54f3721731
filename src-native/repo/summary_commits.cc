#include "summary_commits.h"

#include <algorithm>

#include "collection_refs.h"
#include "engine/links.h"
#include "ref_targets.h"

namespace ostree {
namespace {

bool IsOn(GKeyFile* config, const char* key) { return g_key_file_get_boolean(config, "core", key, nullptr); }

void CheckCommit(OstreeRepo* repo, const std::string& checksum, const std::string& ref) {
  try {
    LoadMetadata(repo, {OSTREE_OBJECT_TYPE_COMMIT, Checksum::FromHex(checksum)});
  } catch (Failure& failure) {
    failure.ref = ref;
    throw;
  }
}

// Before a summary is made of all refs. Those of remotes are not in the summary, unless by their collection.
void CheckAllBut(OstreeRepo* repo, const std::vector<RefUpdate>& updates, GCancellable* cancellable) {
  CheckMirrors(repo);
  for (const auto& ref : ListKeptRefs(repo, cancellable)) {
    bool is_remote = !ref.collection && ref.refspec.find(':') != ref.refspec.npos;
    auto is_this = [&](const RefUpdate& update) { return update.ref == ref.ref && !update.remote; };
    if (is_remote || std::any_of(updates.begin(), updates.end(), is_this)) continue;
    CheckCommit(repo, ref.target, ref.refspec);
  }
}

}  // namespace

void CheckSummaryCommits(OstreeRepo* repo, GCancellable* cancellable) { CheckAllBut(repo, {}, cancellable); }

void CheckAutoSummary(OstreeRepo* repo, const std::vector<RefUpdate>& updates, GCancellable* cancellable) {
  auto* config = ostree_repo_get_config(repo);
  if (!IsOn(config, "auto-update-summary") && !IsOn(config, "commit-update-summary")) return;
  CheckAllBut(repo, updates, cancellable);
  for (const auto& update : updates)
    if (update.checksum && !update.remote) CheckCommit(repo, *update.checksum, update.ref);
}

}  // namespace ostree
