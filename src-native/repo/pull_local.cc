#include "pull_local.h"

#include "parents.h"
#include "remote_check.h"

namespace ostree {
namespace {

// Its own ones, not those it has of remotes or mirrors.
std::vector<std::string> AllRefs(const std::string& url, GCancellable* cancellable) {
  auto path = Shared<GFile>::Take(g_file_new_for_uri(url.c_str()));
  auto source = Shared<OstreeRepo>::Take(ostree_repo_new(path.get()));
  Try(ostree_repo_open, source.get(), cancellable);
  Owned<GHashTable> table;
  Try(ostree_repo_list_refs_ext, source.get(), nullptr, Out(table),
      static_cast<OstreeRepoListRefsExtFlags>(OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES |
                                              OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_MIRRORS),
      cancellable);
  std::vector<std::string> refs;
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init(&iter, table.get());
  while (g_hash_table_iter_next(&iter, &key, nullptr)) refs.emplace_back(static_cast<char*>(key));
  return refs;
}

bool IsConfigured(const RemoteReader& remote) {
  try {
    remote.Text("url");
    return true;
  } catch (const Failure& failure) {
    if (failure.Is("NOT_FOUND")) return false;
    throw;
  }
}

void FillVerification(PullOptions& options, OstreeRepo* repo) {
  const auto& name = *options.overrideRemoteName;
  RemoteReader remote(repo, name);
  if (IsConfigured(remote)) {
    if (!options.gpgVerify) options.gpgVerify = remote.Flag("gpg-verify", true);
    if (!options.gpgVerifySummary) options.gpgVerifySummary = remote.Flag("gpg-verify-summary", false);
    return;
  }
  if (options.gpgVerify.value_or(true))
    throw Failure("NOT_FOUND", "Remote \"" + name +
                                   "\" not found, so there are no keys to verify with; add it, or switch "
                                   "verification off with gpgVerify: false");
  options.disableSignVerify = options.disableSignVerifySummary = true;
}

}  // namespace

PullOptions WithLocalDefaults(PullOptions options, OstreeRepo* repo, GCancellable* cancellable) {
  for (const auto& cache : options.localCacheRepos) CheckParents(cache);
  if (!options.from_file()) return options;
  Owned<char> path(g_filename_from_uri(options.source.c_str(), nullptr, nullptr));
  if (path) CheckParents(path.get());
  if (!options.refs && options.collectionRefs.empty() && !options.mirror)
    options.refs = AllRefs(options.source, cancellable);
  if (options.overrideRemoteName) FillVerification(options, repo);
  return options;
}

}  // namespace ostree
