#include "ref_update.h"

#include "collection_refs.h"
#include "core/validate.h"
#include "detached.h"
#include "rev.h"
#include "summary_commits.h"

namespace ostree {
namespace {

void Validate(const RefUpdate& update) {
  CheckRef(update.ref, "ref");
  if (update.remote) CheckRemoteName(*update.remote, "remote");
  if (update.collectionId) CheckCollectionId(*update.collectionId, "collectionId");
  if (update.checksum) CheckChecksum(*update.checksum, "checksum");
}

OstreeCollectionRef CollectionRefOf(const RefUpdate& update) {
  return {const_cast<char*>(update.collectionId->c_str()), const_cast<char*>(update.ref.c_str())};
}

Nullable<std::string> Current(OstreeRepo* repo, const RefUpdate& update, GCancellable* cancellable) {
  if (!update.collectionId) return ReadRef(repo, update.refspec(), cancellable);
  for (const auto& known : ListCollectionRefs(repo, OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES, cancellable))
    if (known.collection == *update.collectionId && known.ref == update.ref) return known.checksum;
  return {};
}

}  // namespace

Nullable<std::string> ReadRef(OstreeRepo* repo, const std::string& refspec, GCancellable* cancellable) {
  CheckRefspec(refspec, "ref");
  Owned<GHashTable> refs;
  Try(ostree_repo_list_refs_ext, repo, refspec.c_str(), Out(refs), OSTREE_REPO_LIST_REFS_EXT_NONE,
      cancellable);
  auto* checksum = static_cast<const char*>(g_hash_table_lookup(refs.get(), refspec.c_str()));
  if (!checksum) return {};
  return std::string(checksum);
}

void CheckUpdate(OstreeRepo* repo, const RefUpdate& update, GCancellable* cancellable) {
  Validate(update);
  if (update.expected || update.mustExist) {
    auto current = Current(repo, update, cancellable);
    if (update.expected && *update.expected != current)
      throw RefConflict(update.ref, *update.expected, current);
    if (update.mustExist && !current) throw RefNotFound(update.ref);
  }
  if (update.commitMustExist && update.checksum) LoadCommitObject(repo, *update.checksum);
}

void SetRefNow(OstreeRepo* repo, const RefUpdate& update, GCancellable* cancellable) {
  CheckAutoSummary(repo, {update}, cancellable);
  if (update.collectionId) {
    auto ref = CollectionRefOf(update);
    Try(ostree_repo_set_collection_ref_immediate, repo, &ref, update.checksum_or_null(), cancellable);
  } else {
    Try(ostree_repo_set_ref_immediate, repo, update.remote ? update.remote->c_str() : nullptr,
        update.ref.c_str(), update.checksum_or_null(), cancellable);
  }
}

void SetRefInTransaction(OstreeRepo* repo, const RefUpdate& update) {
  if (update.collectionId) {
    auto ref = CollectionRefOf(update);
    ostree_repo_transaction_set_collection_ref(repo, &ref, update.checksum_or_null());
  } else {
    ostree_repo_transaction_set_refspec(repo, update.refspec().c_str(), update.checksum_or_null());
  }
}

}  // namespace ostree
