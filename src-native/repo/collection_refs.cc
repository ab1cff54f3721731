#include "collection_refs.h"

#include <cerrno>
#include <set>

#include "engine/disk.h"

namespace ostree {
namespace {

void AddId(std::set<std::string>& ids, const char* id) {
  if (id && ostree_validate_collection_id(id, nullptr)) ids.insert(id);
}

void AddMirrors(std::set<std::string>& ids, OstreeRepo* repo) {
  const DiskDir mirrors{nullptr, "refs/mirrors", 0, Fd()};
  Fd fd(openat(ostree_repo_get_dfd(repo), "refs/mirrors", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return;
  if (!fd) throw Failure::Errno("openat", "refs/mirrors");
  for (const auto& entry : ListDirectory(fd.get(), mirrors)) AddId(ids, entry.name.c_str());
}

void AddRemotes(std::set<std::string>& ids, OstreeRepo* repo) {
  guint count = 0;
  OwnedStrv names(ostree_repo_remote_list(repo, &count));
  for (guint i = 0; i < count; i++) {
    Owned<char> id;
    Try(ostree_repo_get_remote_option, repo, names.get()[i], "collection-id", nullptr, Out(id));
    AddId(ids, id.get());
  }
}

}  // namespace

std::vector<CollectionRef> ListCollectionRefs(OstreeRepo* repo, int flags, GCancellable* cancellable) {
  std::set<std::string> ids;
  AddId(ids, ostree_repo_get_collection_id(repo));
  if (!(flags & OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_MIRRORS)) AddMirrors(ids, repo);
  if (!(flags & OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES)) AddRemotes(ids, repo);

  std::vector<CollectionRef> refs;
  for (const auto& id : ids) {
    Shared<GHashTable> table;
    Try(ostree_repo_list_collection_refs, repo, id.c_str(), Out(table),
        static_cast<OstreeRepoListRefsExtFlags>(flags), cancellable);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, table.get());
    while (g_hash_table_iter_next(&iter, &key, &value))
      refs.push_back({id, static_cast<OstreeCollectionRef*>(key)->ref_name, static_cast<char*>(value)});
  }
  return refs;
}

}  // namespace ostree
