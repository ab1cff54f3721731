// One change of a ref, and what must hold for it.
#pragma once

#include <optional>
#include <string>

#include "core/convert.h"

namespace ostree {

struct RefUpdate {
  std::string ref;
  std::optional<std::string> remote, collectionId;
  Nullable<std::string> checksum;                 // null deletes
  std::optional<Nullable<std::string>> expected;  // null: expected not to be there
  bool mustExist = false, commitMustExist = false;

  void Fields(auto&& field) {
    field("ref", ref);
    field("remote", remote);
    field("collectionId", collectionId);
    field("checksum", checksum);
    field("expected", expected);
    field("mustExist", mustExist);
    field("commitMustExist", commitMustExist);
  }
  std::string refspec() const { return remote ? *remote + ":" + ref : ref; }
  const char* checksum_or_null() const { return checksum ? checksum->c_str() : nullptr; }
};

// What a local ref, or remote:ref, names; empty when it is not there. Unlike
// ostree_repo_resolve_rev() it takes no abbreviated checksum for a ref: `face`
// may be either.
Nullable<std::string> ReadRef(OstreeRepo* repo, const std::string& refspec, GCancellable* cancellable);

// Throws when the update cannot be: INVALID_ARGUMENT, or CONFLICT or NOT_FOUND when
// the ref, or the commit, is not as it wants it. To be called before the two below.
void CheckUpdate(OstreeRepo* repo, const RefUpdate& update, GCancellable* cancellable);

// ostree_repo_set_ref_immediate, ostree_repo_set_collection_ref_immediate
void SetRefNow(OstreeRepo* repo, const RefUpdate& update, GCancellable* cancellable);
// ostree_repo_transaction_set_refspec, ostree_repo_transaction_set_collection_ref. They abort outside a
// transaction.
void SetRefInTransaction(OstreeRepo* repo, const RefUpdate& update);

}  // namespace ostree
