#include "pulled_refs.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "collection_refs.h"
#include "remote_check.h"
#include "summary_data.h"

namespace ostree {
namespace {

std::vector<std::string> RequestedNames(OstreeRepo* repo, const PullOptions& options) {
  std::vector<std::string> names;
  if (options.refs) {
    for (const auto& ref : *options.refs)
      if (!ostree_validate_checksum_string(ref.c_str(), nullptr)) names.push_back(ref);
  } else if (!options.collectionRefs.empty()) {
    for (const auto& ref : options.collectionRefs) names.push_back(ref.ref);
  } else {
    names = RemoteReader(repo, options.source).List("branches");
  }
  return names;
}

// A pull of all refs as a mirror leaves the remote's summary in the repository.
std::vector<std::string> NamesInSummary(OstreeRepo* repo) {
  Owned<char> path(g_strdup_printf("/proc/self/fd/%d/summary", ostree_repo_get_dfd(repo)));
  auto file = Shared<GFile>::Take(g_file_new_for_path(path.get()));
  auto bytes = Shared<GBytes>::Take(Try(g_file_load_bytes, file.get(), nullptr, nullptr));
  std::vector<std::string> names;
  for (const auto& ref : ParseSummary(bytes.get()).refs) names.push_back(ref.ref);
  return names;
}

// Null when there is none; a directory of refs is none.
std::optional<std::string> Resolve(OstreeRepo* repo, const std::string& refspec) {
  Owned<char> checksum;
  try {
    Try(ostree_repo_resolve_rev_ext, repo, refspec.c_str(), TRUE, OSTREE_REPO_RESOLVE_REV_EXT_LOCAL_ONLY,
        Out(checksum));
  } catch (const Failure&) {
    return {};
  }
  if (!checksum) return {};
  return checksum.get();
}

}  // namespace

PulledRefs::PulledRefs(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable)
    : names_(RequestedNames(repo, options)), mirror_(options.mirror) {
  if (options.overrideRemoteName)
    remote_ = options.overrideRemoteName;
  else if (!options.from_file())
    remote_ = options.source;
  before_ = Read(repo, names_, cancellable);
}

PulledRefs::Table PulledRefs::Read(OstreeRepo* repo, const std::vector<std::string>& names,
                                   GCancellable* cancellable) const {
  Table table;
  for (const auto& name : names) {
    auto refspec = remote_ && !mirror_ ? *remote_ + ":" + name : name;
    if (auto checksum = Resolve(repo, refspec)) table[{"", name}] = *checksum;
  }
  if (!mirror_) return table;

  // As a mirror, refs of another collection than the repository's own lie apart; which
  // ones will come, only the remote knows.
  std::set<std::string> wanted(names.begin(), names.end());
  bool all = wanted.empty();
  if (all) {
    Owned<GHashTable> refs;
    Try(ostree_repo_list_refs_ext, repo, nullptr, Out(refs),
        static_cast<OstreeRepoListRefsExtFlags>(OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES |
                                                OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_MIRRORS),
        cancellable);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, refs.get());
    while (g_hash_table_iter_next(&iter, &key, &value))
      table[{"", static_cast<char*>(key)}] = static_cast<char*>(value);
  }
  auto* own = ostree_repo_get_collection_id(repo);
  for (const auto& [collection, ref, checksum] :
       ListCollectionRefs(repo, OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES, cancellable)) {
    bool elsewhere = !own || collection != own;
    if (elsewhere && (all || wanted.contains(ref))) table[{collection, ref}] = checksum;
  }
  return table;
}

std::vector<PulledRef> PulledRefs::Compare(OstreeRepo* repo, GCancellable* cancellable) const {
  auto names = names_.empty() && mirror_ ? NamesInSummary(repo) : names_;
  auto after = Read(repo, names, cancellable);
  std::vector<PulledRef> refs;
  for (const auto& [key, checksum] : after) {
    const auto& [collection_id, name] = key;
    PulledRef ref{name, {}, {}, {}, checksum};
    if (!collection_id.empty()) ref.collectionId = collection_id;
    if (!mirror_) ref.remote = remote_;
    auto old = before_.find(key);
    if (old != before_.end()) ref.before = old->second;
    refs.push_back(std::move(ref));
  }
  return refs;
}

}  // namespace ostree
