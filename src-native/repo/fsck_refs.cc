#include "fsck_refs.h"

#include <algorithm>
#include <vector>

#include "rev.h"

namespace ostree {
namespace {

struct Bindings {
  std::optional<std::vector<std::string>> refs;
  std::optional<std::string> collection;
};

Bindings ReadBindings(GVariant* commit) {
  Bindings bindings;
  auto metadata = Shared<GVariant>::Take(g_variant_get_child_value(commit, 0));
  auto look_up = [&metadata](const char* key, const GVariantType* type) {
    return Shared<GVariant>::Take(g_variant_lookup_value(metadata.get(), key, type));
  };
  if (auto refs = look_up(OSTREE_COMMIT_META_KEY_REF_BINDING, G_VARIANT_TYPE_STRING_ARRAY)) {
    OwnedStrv names(g_variant_dup_strv(refs.get(), nullptr));
    bindings.refs.emplace();
    for (char** name = names.get(); *name; name++) bindings.refs->push_back(*name);
  }
  if (auto id = look_up(OSTREE_COMMIT_META_KEY_COLLECTION_BINDING, G_VARIANT_TYPE_STRING))
    bindings.collection = g_variant_get_string(id.get(), nullptr);
  return bindings;
}

// What the ref names; empty when there is no such ref.
std::string Resolve(OstreeRepo* repo, Bindings& bindings, std::string& ref, GCancellable* cancellable) {
  try {
    if (!bindings.collection) return ResolveRev(repo, ref);
    OstreeCollectionRef named{bindings.collection->data(), ref.data()};
    Owned<char> checksum;
    Try(ostree_repo_resolve_collection_ref, repo, &named, TRUE, OSTREE_REPO_RESOLVE_REV_EXT_NONE,
        Out(checksum), cancellable);
    return checksum ? checksum.get() : "";
  } catch (const Failure& failure) {
    // A name that cannot be one names nothing either.
    if (failure.Is("NOT_FOUND") || failure.Is("INVALID_ARGUMENT")) return {};
    throw;
  }
}

}  // namespace

// _ostree_repo_verify_bindings()
std::optional<std::string> CheckBindings(GVariant* commit, const KeptRef& ref) {
  auto bindings = ReadBindings(commit);
  if (!bindings.refs) {
    if (!ref.collection) return {};
    return "Expected commit metadata to have ref binding information, found none";
  }
  if (std::find(bindings.refs->begin(), bindings.refs->end(), ref.ref) == bindings.refs->end()) {
    std::string bound;
    for (const auto& name : *bindings.refs) bound += (bound.empty() ? "‘" : ", ‘") + name + "’";
    return "Commit has no requested ref ‘" + ref.ref + "’ in ref binding metadata (" +
           (bound.empty() ? "no refs" : bound) + ")";
  }
  if (!ref.collection) return {};
  if (!bindings.collection)
    return "Expected commit metadata to have collection ID binding information, found none";
  if (*bindings.collection == *ref.collection) return {};
  return "Commit has collection ID ‘" + *bindings.collection +
         "’ in collection binding metadata, while the remote it came from has collection ID ‘" +
         *ref.collection + "’";
}

std::optional<std::string> CheckBackRefs(OstreeRepo* repo, GVariant* commit, const std::string& checksum,
                                         GCancellable* cancellable) {
  auto bindings = ReadBindings(commit);
  if (!bindings.refs) return {};
  for (auto& ref : *bindings.refs) {
    auto named = Resolve(repo, bindings, ref, cancellable);
    if (named == checksum) continue;
    auto name = bindings.collection ? "Collection–ref (" + *bindings.collection + ", " + ref + ")"
                                    : "Ref ‘" + ref + "’";
    return name + " in bindings for commit " + checksum +
           (named.empty() ? " does not exist" : " does not resolve to that commit");
  }
  return {};
}

}  // namespace ostree
