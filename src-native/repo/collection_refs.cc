#include "collection_refs.h"

#include <cerrno>
#include <set>

#include "engine/disk.h"

namespace ostree {
namespace {

constexpr const char* kMirrors = "refs/mirrors";

void AddId(std::set<std::string>& ids, const char* id) {
  if (id && ostree_validate_collection_id(id, nullptr)) ids.insert(id);
}

// Nothing where there is no such directory.
std::vector<DiskEntry> EntriesOf(int repo, const std::string& path) {
  const DiskDir directory{nullptr, path, 0, Fd()};
  Fd fd(openat(repo, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd) throw Failure::Errno("openat", path);
  return ListDirectory(fd.get(), directory);
}

void AddMirrors(std::set<std::string>& ids, OstreeRepo* repo) {
  for (const auto& entry : EntriesOf(ostree_repo_get_dfd(repo), kMirrors)) AddId(ids, entry.name.c_str());
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

void CheckMirrors(OstreeRepo* repo) { CheckMirrors(ostree_repo_get_dfd(repo)); }

void CheckMirrors(int repo, const std::string& where) {
  for (const auto& [name, type] : EntriesOf(repo, kMirrors)) {
    if (!S_ISDIR(type) || ostree_validate_collection_id(name.c_str(), nullptr)) continue;
    auto path = std::string(kMirrors) + "/" + name;
    if (EntriesOf(repo, path).empty()) continue;
    if (!where.empty()) path.insert(0, where + "/");
    Failure failure("CORRUPT", ValidUtf8(path) + " is not the directory of a collection's refs; remove it");
    failure.path = ValidUtf8(path);
    throw failure;
  }
}

}  // namespace ostree
