#include "refs.h"

#include "collection_refs.h"
#include "core/validate.h"
#include "ref_update.h"
#include "repo.h"
#include "repo_lock.h"
#include "rev.h"
#include "summary_commits.h"

namespace ostree {
namespace {

struct RefInfo {
  std::string ref;
  std::optional<std::string> remote, collectionId;
  std::string checksum;
  std::optional<std::string> alias;

  void Fields(auto&& field) {
    field("ref", ref);
    field("remote", remote);
    field("collectionId", collectionId);
    field("checksum", checksum);
    field("alias", alias);
  }
};

struct ListRefsOptions {
  std::optional<std::string> prefix;
  bool aliases = false, remotes = true, mirrors = true;

  void Fields(auto&& field) {
    field("prefix", prefix);
    field("aliases", aliases);
    field("remotes", remotes);
    field("mirrors", mirrors);
  }
};

using RefTable = std::map<std::string, std::string>;  // refspec to checksum, or to an alias's target

RefTable ListRefs(OstreeRepo* repo, const ListRefsOptions& options, int flags, GCancellable* cancellable) {
  if (!options.remotes) flags |= OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES;
  if (!options.mirrors) flags |= OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_MIRRORS;
  Owned<GHashTable> table;
  Try(ostree_repo_list_refs_ext, repo, options.prefix ? options.prefix->c_str() : nullptr, Out(table),
      static_cast<OstreeRepoListRefsExtFlags>(flags), cancellable);
  RefTable refs;
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, table.get());
  while (g_hash_table_iter_next(&iter, &key, &value))
    refs.emplace(ValidUtf8(static_cast<char*>(key)), static_cast<char*>(value));
  return refs;
}

RefInfo ParseRefspec(const std::string& refspec, const std::string& checksum) {
  Owned<char> remote, ref;
  Try(ostree_parse_refspec, refspec.c_str(), Out(remote), Out(ref));
  RefInfo info{ref.get(), {}, {}, checksum, {}};
  if (remote) info.remote = remote.get();
  return info;
}

// ostree_repo_list_refs_ext
std::vector<RefInfo> ListAll(OstreeRepo* repo, const ListRefsOptions& options, GCancellable* cancellable) {
  RefTable aliases;
  if (options.aliases) aliases = ListRefs(repo, options, OSTREE_REPO_LIST_REFS_EXT_ALIASES, cancellable);
  std::vector<RefInfo> refs;
  for (const auto& [refspec, checksum] : ListRefs(repo, options, 0, cancellable)) {
    refs.push_back(ParseRefspec(refspec, checksum));
    auto alias = aliases.find(refspec);
    if (alias != aliases.end()) refs.back().alias = alias->second;
  }
  return refs;
}

// Whether it is the ref of that name, or one below it.
bool IsAtOrBelow(const std::string& ref, const std::string& prefix) {
  return ref == prefix || ref.starts_with(prefix.ends_with('/') ? prefix : prefix + "/");
}

// ostree_repo_list_collection_refs, which knows neither prefixes nor aliases
std::vector<RefInfo> ListCollections(OstreeRepo* repo, const ListRefsOptions& options,
                                     GCancellable* cancellable) {
  int flags = 0;
  if (!options.remotes) flags |= OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_REMOTES;
  if (!options.mirrors) flags |= OSTREE_REPO_LIST_REFS_EXT_EXCLUDE_MIRRORS;
  auto* own = ostree_repo_get_collection_id(repo);
  RefTable aliases;  // only the repository's own refs can be some
  if (options.aliases && own) aliases = ListRefs(repo, {}, OSTREE_REPO_LIST_REFS_EXT_ALIASES, cancellable);
  std::vector<RefInfo> refs;
  for (const auto& [collection, ref, checksum] : ListCollectionRefs(repo, flags, cancellable)) {
    if (options.prefix && !IsAtOrBelow(ref, *options.prefix)) continue;
    refs.push_back({ref, {}, collection, checksum, {}});
    auto alias = own && collection == own ? aliases.find(ref) : aliases.end();
    if (alias != aliases.end()) refs.back().alias = alias->second;
  }
  return refs;
}

}  // namespace

// ostree_repo_resolve_rev_ext
Napi::Value RefResolve(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto local_only = args.Next<bool>("localOnly");
  return Async(args, repo->ReadWork(), [repo, rev, local_only](Job&) {
    auto flags = local_only ? OSTREE_REPO_RESOLVE_REV_EXT_LOCAL_ONLY : OSTREE_REPO_RESOLVE_REV_EXT_NONE;
    return ResolveRev(repo->reader().get(), rev, flags);
  });
}

// ostree_repo_list_refs_ext, ostree_repo_list_collection_refs
Napi::Value RefList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<ListRefsOptions>("options");
  auto collections = args.Next<bool>("collections");
  return Async(args, repo->ReadWork(), [repo, options, collections](Job& job) {
    if (options.prefix) CheckRev(*options.prefix, "prefix");
    auto list = collections ? ListCollections : ListAll;
    return list(repo->reader().get(), options, job.cancellable());
  });
}

// ostree_repo_set_ref_immediate, ostree_repo_set_collection_ref_immediate
Napi::Value RefSet(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto update = args.Next<RefUpdate>("target");
  return Async(args, repo->UpdateWork(), [repo, update](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    // Another process that prunes would not see the new ref, and delete what it names.
    std::optional<RepoLockGuard> lock;
    if (update.checksum) lock.emplace(*repo, handle, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    auto refs = repo->gate()->LockRefs();
    CheckUpdate(handle.get(), update, job.cancellable());
    SetRefNow(handle.get(), update, job.cancellable());
  });
}

// ostree_repo_set_alias_ref_immediate
Napi::Value RefSetAlias(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto ref = args.Next<std::string>("ref");
  auto target = args.Next<std::string>("target");
  return Async(args, repo->UpdateWork(), [repo, ref, target](Job& job) {
    CheckRef(ref, "ref");
    CheckRef(target, "target");  // libostree asserts that it is relative and not empty
    auto handle = repo->OpenWriter(job.cancellable());
    CheckAutoSummary(handle.get(), {}, job.cancellable());
    Try(ostree_repo_set_alias_ref_immediate, handle.get(), nullptr, ref.c_str(), target.c_str(),
        job.cancellable());
  });
}

}  // namespace ostree
