#include "found_remote.h"

#include <algorithm>

#include "keyring.h"
#include "remote_check.h"

namespace ostree {

Nullable<double> Seconds(guint64 time) {
  if (time == 0) return {};
  return static_cast<double>(time);
}

std::vector<FoundRef> RefsOf(const OstreeRepoFinderResult* result) {
  std::vector<FoundRef> refs;
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, result->ref_to_checksum);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    auto* ref = static_cast<OstreeCollectionRef*>(key);
    FoundRef found{ref->collection_id, ref->ref_name, {}, {}};
    if (value) found.checksum = static_cast<const char*>(value);
    auto* time = result->ref_to_timestamp ? g_hash_table_lookup(result->ref_to_timestamp, key) : nullptr;
    if (time) found.timestamp = Seconds(GUINT64_FROM_BE(*static_cast<guint64*>(time)));
    refs.push_back(std::move(found));
  }
  std::sort(refs.begin(), refs.end(), [](const FoundRef& a, const FoundRef& b) {
    return std::tie(a.collectionId, a.ref) < std::tie(b.collectionId, b.ref);
  });
  return refs;
}

Owned<OstreeCollectionRef*> ToCollectionRefs(const std::vector<CollectionRefOption>& refs) {
  auto list = Owned<OstreeCollectionRef*>(g_new0(OstreeCollectionRef*, refs.size() + 1));
  for (size_t i = 0; i < refs.size(); i++)
    list.get()[i] = ostree_collection_ref_new(refs[i].collectionId.c_str(), refs[i].ref.c_str());
  return list;
}

void CheckCollectionRemotes(const Repo& repo, OstreeRepo* handle) {
  guint count = 0;
  OwnedStrv names(ostree_repo_remote_list(handle, &count));
  for (guint i = 0; i < count; i++) {
    std::string name = names.get()[i];
    if (!RemoteReader(handle, name).Text("collection-id")) continue;
    WithRemote(name, [&] {
      CheckRemoteConfig(handle, name);
      CheckKeyrings(repo, handle, name);
    });
  }
}

}  // namespace ostree
