#include "rev.h"

#include "core/validate.h"
#include "engine/links.h"
#include "engine/load_metadata.h"

namespace ostree {
namespace {

GVariant* MaybeString(const Nullable<std::string>& text) {
  return g_variant_new_maybe(G_VARIANT_TYPE_STRING, text ? g_variant_new_string(text->c_str()) : nullptr);
}

// libostree asserts that a parent is a checksum: damage on the way to an ancestor is found before it looks.
void CheckAncestors(OstreeRepo* repo, const std::string& rev, OstreeRepoResolveRevExtFlags flags) {
  auto base = rev.substr(0, rev.find_last_not_of('^') + 1);
  if (base.empty() || base == rev) return;
  Owned<char> checksum;
  Try(ostree_repo_resolve_rev_ext, repo, base.c_str(), FALSE, flags, Out(checksum));
  for (auto parents = rev.size() - base.size(); parents > 0 && checksum; parents--) {
    auto commit = LoadMetadata(repo, OSTREE_OBJECT_TYPE_COMMIT, checksum.get(), nullptr);
    checksum = Owned<char>(ostree_commit_get_parent(commit.get()));
  }
}

}  // namespace

std::string ResolveRev(OstreeRepo* repo, const std::string& rev, OstreeRepoResolveRevExtFlags flags) {
  CheckRev(rev, "rev");
  try {
    CheckAncestors(repo, rev, flags);
    Owned<char> checksum;
    // allow_noent stays FALSE: with TRUE, "missing^" crashes libostree.
    Try(ostree_repo_resolve_rev_ext, repo, rev.c_str(), FALSE, flags, Out(checksum));
    return checksum.get();
  } catch (Failure& failure) {
    failure.ref = rev;
    throw;
  }
}

void ExplainMissing(OstreeRepo* repo, const std::string& rev, Failure& failure) {
  if (!failure.Is("NOT_FOUND") || !failure.checksum) return;
  auto commit = ResolveRev(repo, rev);
  if (!(CommitState(repo, Checksum::FromHex(commit)) & OSTREE_REPO_COMMIT_STATE_PARTIAL)) return;
  failure.code = "PARTIAL";
  failure.message = "The commit " + commit + " is not here as a whole; pull it again: " + failure.message;
}

Failure RefNotFound(const std::string& ref) {
  Failure failure("NOT_FOUND", "Refspec '" + ref + "' not found");
  failure.ref = ref;
  return failure;
}

Failure RefConflict(const std::string& ref, const Nullable<std::string>& expected,
                    const Nullable<std::string>& actual) {
  auto name = [](const Nullable<std::string>& value) { return value ? *value : std::string("nothing"); };
  Failure failure("CONFLICT", "The ref " + ref + " was expected to name " + name(expected) + " but names " +
                                  name(actual) + "; read it again and decide anew");
  failure.ref = ref;
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert(&details, "ref", "s", ref.c_str());
  g_variant_dict_insert_value(&details, "expected", MaybeString(expected));
  g_variant_dict_insert_value(&details, "actual", MaybeString(actual));
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
  return failure;
}

}  // namespace ostree
