#include "ref_targets.h"

#include "collection_refs.h"

namespace ostree {

std::string KeptRef::Print() const { return collection ? "(" + *collection + ", " + ref + ")" : refspec; }

std::vector<KeptRef> ListKeptRefs(OstreeRepo* repo, GCancellable* cancellable) {
  std::vector<KeptRef> refs;
  Shared<GHashTable> table;
  Try(ostree_repo_list_refs, repo, nullptr, Out(table), cancellable);
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, table.get());
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    Owned<char> ref;
    Try(ostree_parse_refspec, static_cast<const char*>(key), nullptr, Out(ref));
    refs.push_back({static_cast<const char*>(key), ref.get(), {}, static_cast<const char*>(value)});
  }
  for (const auto& [collection, ref, checksum] :
       ListCollectionRefs(repo, OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES, cancellable))
    refs.push_back({ref, ref, collection, checksum});
  return refs;
}

}  // namespace ostree
