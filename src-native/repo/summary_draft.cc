#include "summary_draft.h"

#include <unistd.h>

#include "own_directory.h"
#include "parents.h"
#include "rev.h"
#include "summary_file.h"

namespace ostree {
namespace {

Nullable<std::string> SummaryNow(OstreeRepo* repo) {
  auto data = FindSummary(repo);
  if (!data) return {};
  return SummaryChecksum(*data);
}

// Where libostree reads remotes from, beside the config: what came from one that has a collection is in a
// summary.
const char* RemotesDirectory(const Repo& repo, OstreeRepo* writer) {
  if (repo.spec().remotesConfigDir) return repo.spec().remotesConfigDir->c_str();
  return ostree_repo_is_system(writer) ? "/etc/ostree/remotes.d" : nullptr;
}

// A handle that sees everything of the repository, and whose summary is another file, in `directory`.
Shared<OstreeRepo> OpenTwin(const Repo& repo, OstreeRepo* writer, const OwnDirectory& directory,
                            GCancellable* cancellable) {
  int dfd = ostree_repo_get_dfd(writer);
  for (const char* name :
       {"config", "objects", "refs", "tmp", "extensions", "state", "deltas", "delta-indexes"}) {
    auto link = directory.path() + "/" + name;
    if (symlinkat((std::string("../../") + name).c_str(), dfd, link.c_str()) < 0)
      throw Failure::Errno("symlinkat", link);
  }
  // By the descriptor: it may be writable where the path is not.
  auto path = "/proc/self/fd/" + std::to_string(dfd) + "/" + directory.path();
  CheckParents(path);
  auto file = Shared<GFile>::Take(g_file_new_for_path(path.c_str()));
  auto twin = Shared<OstreeRepo>::Take(static_cast<OstreeRepo*>(g_object_new(
      OSTREE_TYPE_REPO, "path", file.get(), "remotes-config-dir", RemotesDirectory(repo, writer), nullptr)));
  Try(ostree_repo_open, twin.get(), cancellable);
  ostree_repo_set_disable_fsync(twin.get(), TRUE);  // the file is not the one that stays
  return twin;
}

}  // namespace

// ostree_repo_static_delta_reindex, ostree_repo_regenerate_summary
SummaryDraft DraftSummary(const Repo& repo, OstreeRepo* writer, GVariant* metadata,
                          GCancellable* cancellable) {
  SummaryDraft draft{{}, {}, SummaryNow(writer)};
  // It may write the config, and make the directory of the indexes: the twin must find both done.
  Try(ostree_repo_static_delta_reindex, writer, static_cast<OstreeStaticDeltaIndexFlags>(0), nullptr,
      cancellable);
  OwnDirectory directory(ostree_repo_get_dfd(writer), "tmp/summary-");
  auto twin = OpenTwin(repo, writer, directory, cancellable);
  Try(ostree_repo_regenerate_summary, twin.get(), metadata, cancellable);
  draft.data = ReadSummary(twin.get());
  return draft;
}

void InstallSummary(OstreeRepo* writer, const SummaryDraft& draft) {
  auto now = SummaryNow(writer);
  if (now != draft.replaces) throw RefConflict("summary", draft.replaces, now);
  Shared<GVariant> signatures;
  for (const auto& [key, list] : draft.signatures)
    for (const auto& signature : list) signatures = AddSignature(signatures.get(), key, signature);
  ReplaceSummary(writer, draft.data, signatures.get());
}

}  // namespace ostree
