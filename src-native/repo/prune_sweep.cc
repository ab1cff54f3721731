#include "prune_sweep.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>

#include "engine/batches.h"
#include "engine/object_list.h"

namespace ostree {
namespace {

void AddName(GHashTable* table, OstreeObjectType type, const Checksum& checksum) {
  auto name = Shared<GVariant>::Share(ostree_object_name_serialize(checksum.Hex().c_str(), type));
  g_hash_table_add(table, g_variant_ref(name.get()));  // the table owns it
}

// libostree's set of the objects that stay.
Shared<GHashTable> ReachableTable(const KeptObjects& kept, bool commit_only) {
  auto table = Shared<GHashTable>::Take(ostree_repo_traverse_new_reachable());
  for (const auto& [commit, links] : kept.commits) AddName(table.get(), OSTREE_OBJECT_TYPE_COMMIT, commit);
  if (commit_only) return table;
  const auto& trees = kept.trees;
  for (const auto& checksum : trees.dirtrees) AddName(table.get(), OSTREE_OBJECT_TYPE_DIR_TREE, checksum);
  for (const auto& checksum : trees.dirmetas) AddName(table.get(), OSTREE_OBJECT_TYPE_DIR_META, checksum);
  for (const auto& checksum : trees.files) AddName(table.get(), OSTREE_OBJECT_TYPE_FILE, checksum);
  return table;
}

// The types that libostree lists, and so prunes.
bool IsPruned(const ObjectId& object) {
  auto type = object.type;
  return type == OSTREE_OBJECT_TYPE_FILE || type == OSTREE_OBJECT_TYPE_DIR_TREE ||
         type == OSTREE_OBJECT_TYPE_DIR_META || type == OSTREE_OBJECT_TYPE_COMMIT ||
         type == OSTREE_OBJECT_TYPE_PAYLOAD_LINK;
}

struct Listing {
  uint64_t total = 0;
  std::vector<ObjectId> unreachable;

  void Add(const ObjectId& object, const KeptObjects& kept) {
    total++;
    if (!kept.Has(object)) unreachable.push_back(object);
  }
};

// With those of a parent repository, as libostree has them.
Listing ListOfCommits(OstreeRepo* repo, const KeptObjects& kept, GCancellable* cancellable) {
  Listing listing;
  for (const auto& commit : ListCommits(repo, cancellable))
    listing.Add({OSTREE_OBJECT_TYPE_COMMIT, commit}, kept);
  return listing;
}

Listing List(OstreeRepo* repo, const KeptObjects& kept, GCancellable* cancellable) {
  std::vector<Listing> parts(kObjectDirectories);
  RunInBatches(kObjectDirectories, cancellable, [&](size_t i) {
    for (const auto& object : ListOwnObjects(repo, static_cast<unsigned>(i)))
      if (IsPruned(object)) parts[i].Add(object, kept);
  });
  Listing all;
  for (const auto& [total, unreachable] : parts) {
    all.total += total;
    all.unreachable.insert(all.unreachable.end(), unreachable.begin(), unreachable.end());
  }
  return all;
}

uint64_t StorageSize(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable) {
  guint64 size = 0;
  Try(ostree_repo_query_object_storage_size, repo, object.type, object.checksum.Hex().c_str(), &size,
      cancellable);
  return size;
}

// A payload link is a symbolic link from a checksum of content to the object that has it. It is kept with
// that.
bool IsKeptLink(OstreeRepo* repo, const std::string& link, const KeptObjects& kept) {
  constexpr size_t kPrefix = 3, kDirectory = 2, kName = 62;  // ../ab/cdef….file
  auto path = "objects/" + link.substr(0, kDirectory) + "/" + link.substr(kDirectory) + ".payload-link";
  char text[PATH_MAX];
  ssize_t size = readlinkat(ostree_repo_get_dfd(repo), path.c_str(), text, sizeof text);
  if (size < static_cast<ssize_t>(kPrefix + kDirectory + 1 + kName)) return false;
  auto hex = std::string(text + kPrefix, kDirectory) + std::string(text + kPrefix + kDirectory + 1, kName);
  if (!ostree_validate_checksum_string(hex.c_str(), nullptr)) return false;
  return kept.trees.files.contains(Checksum::FromHex(hex));
}

bool IsDeleted(OstreeRepo* repo, const ObjectId& object, const KeptObjects& kept) {
  return object.type != OSTREE_OBJECT_TYPE_PAYLOAD_LINK || !IsKeptLink(repo, object.checksum.Hex(), kept);
}

// libostree's own sweep; of static deltas, too.
PruneResult Delete(OstreeRepo* repo, const KeptObjects& kept, bool commit_only, GCancellable* cancellable) {
  auto reachable = ReachableTable(kept, commit_only);
  OstreeRepoPruneOptions options = {};
  options.flags = commit_only ? OSTREE_REPO_PRUNE_FLAGS_COMMIT_ONLY : OSTREE_REPO_PRUNE_FLAGS_NONE;
  options.reachable = reachable.get();
  gint total = 0, pruned = 0;
  guint64 bytes = 0;
  Try(ostree_repo_prune_from_reachable, repo, &options, &total, &pruned, &bytes, cancellable);
  return {static_cast<uint64_t>(total), static_cast<uint64_t>(pruned), bytes, {}};
}

// What is left when the commits are gone. libostree would make and look up a GVariant for every object that
// there is.
PruneResult DeleteRest(OstreeRepo* repo, const Listing& listing, GCancellable* cancellable) {
  std::atomic<uint64_t> pruned = 0, bytes = 0;
  RunInBatches(listing.unreachable.size(), cancellable, [&](size_t i) {
    const auto& object = listing.unreachable[i];
    auto size = StorageSize(repo, object, cancellable);
    Try(ostree_repo_delete_object, repo, object.type, object.checksum.Hex().c_str(), cancellable);
    pruned++;
    bytes += size;
  });
  return {listing.total, pruned, bytes, {}};
}

}  // namespace

bool KeptObjects::Has(const ObjectId& object) const {
  switch (object.type) {
    case OSTREE_OBJECT_TYPE_COMMIT:
      return commits.contains(object.checksum);
    case OSTREE_OBJECT_TYPE_DIR_TREE:
      return trees.dirtrees.contains(object.checksum);
    case OSTREE_OBJECT_TYPE_DIR_META:
      return trees.dirmetas.contains(object.checksum);
    case OSTREE_OBJECT_TYPE_FILE:
      return trees.files.contains(object.checksum);
    default:
      return false;  // a payload link goes with its target
  }
}

void ForEachUnreachable(OstreeRepo* repo, const KeptObjects& kept, const VisitUnreachable& visit,
                        GCancellable* cancellable) {
  for (const auto& object : List(repo, kept, cancellable).unreachable) {
    ThrowIfCancelled(cancellable);  // asking for a size does not look
    if (IsDeleted(repo, object, kept)) visit(object, StorageSize(repo, object, cancellable));
  }
}

PruneResult CountSweep(OstreeRepo* repo, const KeptObjects& kept, bool commit_only,
                       GCancellable* cancellable) {
  auto listing = commit_only ? ListOfCommits(repo, kept, cancellable) : List(repo, kept, cancellable);
  PruneResult result{listing.total, 0, 0, {}};
  for (const auto& object : listing.unreachable) {
    ThrowIfCancelled(cancellable);
    result.bytes += StorageSize(repo, object, cancellable);  // libostree counts kept links in it, too
    if (IsDeleted(repo, object, kept)) result.pruned++;
  }
  return result;
}

// Commits first: where it is interrupted, no commit is left without its objects. Which payload links stay
// depends on a setting, which libostree knows; they are rare.
PruneResult Sweep(OstreeRepo* repo, const KeptObjects& kept, bool commit_only, GCancellable* cancellable) {
  if (commit_only) return Delete(repo, kept, /* commit_only */ true, cancellable);
  // libostree's list of commits has those of a parent repository in it, which are not ours to delete.
  if (ostree_repo_get_parent(repo)) return Delete(repo, kept, /* commit_only */ false, cancellable);
  auto commits = Delete(repo, kept, /* commit_only */ true, cancellable);
  auto listing = List(repo, kept, cancellable);
  auto is_link = [](const auto& object) { return object.type == OSTREE_OBJECT_TYPE_PAYLOAD_LINK; };
  bool has_link = std::any_of(listing.unreachable.begin(), listing.unreachable.end(), is_link);
  auto rest = has_link ? Delete(repo, kept, /* commit_only */ false, cancellable)
                       : DeleteRest(repo, listing, cancellable);
  return {rest.total + commits.pruned, rest.pruned + commits.pruned, rest.bytes + commits.bytes, {}};
}

}  // namespace ostree
