#include "prune_sweep.h"

#include <unistd.h>

#include <climits>

namespace ostree {
namespace {

void AddName(GHashTable* table, OstreeObjectType type, const Checksum& checksum) {
  auto name = Shared<GVariant>::Share(ostree_object_name_serialize(checksum.Hex().c_str(), type));
  g_hash_table_add(table, g_variant_ref(name.get()));  // the table owns it
}

Shared<GHashTable> ListObjects(OstreeRepo* repo, bool commit_only, GCancellable* cancellable) {
  Shared<GHashTable> objects;
  auto flags = static_cast<OstreeRepoListObjectsFlags>(OSTREE_REPO_LIST_OBJECTS_ALL |
                                                       OSTREE_REPO_LIST_OBJECTS_NO_PARENTS);
  if (commit_only)
    Try(ostree_repo_list_commit_objects_starting_with, repo, "", Out(objects), cancellable);
  else
    Try(ostree_repo_list_objects, repo, flags, Out(objects), cancellable);
  return objects;
}

// A payload link is a symbolic link from a checksum of content to the object that has it. It is kept with
// that.
bool IsKeptLink(OstreeRepo* repo, const char* link, GHashTable* reachable) {
  constexpr size_t kPrefix = 3, kDirectory = 2, kName = 62;  // ../ab/cdef….file
  auto path =
      std::string("objects/") + std::string(link, kDirectory) + "/" + (link + kDirectory) + ".payload-link";
  char text[PATH_MAX];
  ssize_t size = readlinkat(ostree_repo_get_dfd(repo), path.c_str(), text, sizeof text);
  if (size < static_cast<ssize_t>(kPrefix + kDirectory + 1 + kName)) return false;
  auto hex = std::string(text + kPrefix, kDirectory) + std::string(text + kPrefix + kDirectory + 1, kName);
  if (!ostree_validate_checksum_string(hex.c_str(), nullptr)) return false;
  auto name = Shared<GVariant>::Share(ostree_object_name_serialize(hex.c_str(), OSTREE_OBJECT_TYPE_FILE));
  return g_hash_table_contains(reachable, name.get());
}

PruneResult Delete(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable) {
  auto flags = commit_only ? OSTREE_REPO_PRUNE_FLAGS_COMMIT_ONLY : OSTREE_REPO_PRUNE_FLAGS_NONE;
  OstreeRepoPruneOptions options = {};
  options.flags = flags;
  options.reachable = reachable;
  gint total = 0, pruned = 0;
  guint64 bytes = 0;
  Try(ostree_repo_prune_from_reachable, repo, &options, &total, &pruned, &bytes, cancellable);
  return {static_cast<uint64_t>(total), static_cast<uint64_t>(pruned), bytes, {}};
}

}  // namespace

Shared<GHashTable> ReachableTable(const KeptCommits& commits, const TreeObjects& objects) {
  auto table = Shared<GHashTable>::Take(ostree_repo_traverse_new_reachable());
  for (const auto& [commit, kept] : commits) AddName(table.get(), OSTREE_OBJECT_TYPE_COMMIT, commit);
  for (const auto& checksum : objects.dirtrees) AddName(table.get(), OSTREE_OBJECT_TYPE_DIR_TREE, checksum);
  for (const auto& checksum : objects.dirmetas) AddName(table.get(), OSTREE_OBJECT_TYPE_DIR_META, checksum);
  for (const auto& checksum : objects.files) AddName(table.get(), OSTREE_OBJECT_TYPE_FILE, checksum);
  return table;
}

void ForEachUnreachable(OstreeRepo* repo, GHashTable* reachable, const VisitUnreachable& visit,
                        GCancellable* cancellable) {
  auto objects = ListObjects(repo, /* commit_only */ false, cancellable);
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init(&iter, objects.get());
  while (g_hash_table_iter_next(&iter, &name, nullptr)) {
    if (g_hash_table_contains(reachable, name)) continue;
    ThrowIfCancelled(cancellable);  // asking for a size does not look
    const char* checksum;
    OstreeObjectType type;
    guint64 size = 0;
    ostree_object_name_deserialize(static_cast<GVariant*>(name), &checksum, &type);
    if (type == OSTREE_OBJECT_TYPE_PAYLOAD_LINK && IsKeptLink(repo, checksum, reachable)) continue;
    Try(ostree_repo_query_object_storage_size, repo, type, checksum, &size, cancellable);
    visit(type, checksum, size);
  }
}

PruneResult CountSweep(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable) {
  PruneResult result;
  auto objects = ListObjects(repo, commit_only, cancellable);
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init(&iter, objects.get());
  while (g_hash_table_iter_next(&iter, &name, nullptr)) {
    result.total++;
    if (g_hash_table_contains(reachable, name)) continue;
    ThrowIfCancelled(cancellable);  // asking for a size does not look
    const char* checksum;
    OstreeObjectType type;
    guint64 size = 0;
    ostree_object_name_deserialize(static_cast<GVariant*>(name), &checksum, &type);
    Try(ostree_repo_query_object_storage_size, repo, type, checksum, &size, cancellable);
    result.bytes += size;  // libostree counts kept links in it, too
    if (type != OSTREE_OBJECT_TYPE_PAYLOAD_LINK || !IsKeptLink(repo, checksum, reachable)) result.pruned++;
  }
  return result;
}

// Commits first: where it is interrupted, no commit is left without its objects.
PruneResult Sweep(OstreeRepo* repo, GHashTable* reachable, bool commit_only, GCancellable* cancellable) {
  PruneResult commits;
  // libostree's list of commits has those of a parent repository in it, which are not ours to delete.
  if (commit_only || !ostree_repo_get_parent(repo)) commits = Delete(repo, reachable, true, cancellable);
  if (commit_only) return commits;
  auto rest = Delete(repo, reachable, false, cancellable);
  return {rest.total + commits.pruned, rest.pruned + commits.pruned, rest.bytes + commits.bytes, {}};
}

}  // namespace ostree
