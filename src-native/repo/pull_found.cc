#include "pull_found.h"

#include <algorithm>

#include "await.h"
#include "core/main_context.h"
#include "core/succession.h"
#include "found_remote.h"
#include "pull.h"
#include "pull_failure.h"
#include "pull_progress.h"
#include "repo_lock.h"
#include "summary_cache.h"

namespace ostree {
namespace {

// Where it stands now, whichever remote or mirror has it; null without.
Nullable<std::string> ResolveCollectionRef(OstreeRepo* repo, const OstreeCollectionRef* ref) {
  Owned<char> checksum;
  Try(ostree_repo_resolve_collection_ref, repo, ref, TRUE, OSTREE_REPO_RESOLVE_REV_EXT_NONE, Out(checksum),
      nullptr);
  if (!checksum) return {};
  return std::string(checksum.get());
}

struct PulledCollectionRef {
  std::string collectionId, ref;
  Nullable<std::string> before, after;

  void Fields(auto&& field) {
    field("collectionId", collectionId);
    field("ref", ref);
    field("old", before);
    field("new", after);
  }
};

struct PullFoundResult {
  std::vector<PulledCollectionRef> refs;
  PullState state;
  double elapsed = 0;  // milliseconds

  void Fields(auto&& field) {
    field("refs", refs);
    field("state", state);
    field("elapsed", elapsed);
  }
};

using RemoteHandles = std::vector<std::shared_ptr<FoundRemote>>;

// What of the remotes' refs will be pulled.
std::vector<CollectionRefOption> WantedRefs(const RemoteHandles& remotes) {
  std::vector<CollectionRefOption> refs;
  for (const auto& remote : remotes)
    for (const auto& ref : RefsOf(remote->result.get())) {
      auto same = [&ref](const auto& other) {
        return other.collectionId == ref.collectionId && other.ref == ref.ref;
      };
      if (ref.checksum && std::none_of(refs.begin(), refs.end(), same))
        refs.push_back({ref.collectionId, ref.ref, *ref.checksum});
    }
  return refs;
}

// libostree tells only which refs it could not pull; where signatures were the reason, that is the code.
void ExplainFailure(Failure& failure, const GpgReasons& gpg) {
  if (!failure.Is("FAILED") || gpg.reasons().empty()) return;
  GVariantBuilder reasons;
  g_variant_builder_init(&reasons, G_VARIANT_TYPE("aa{sv}"));
  for (const auto& reason : gpg.reasons()) g_variant_builder_add_value(&reasons, reason.get());
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert_value(&details, "reasons", g_variant_builder_end(&reasons));
  failure.code = "SIGNATURE";
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
}

PullFoundResult PullFound(OstreeRepo* repo, const RemoteHandles& remotes, GVariant* options,
                          PullProgress& progress, GCancellable* cancellable) {
  auto start_time = std::chrono::steady_clock::now();
  auto wanted = WantedRefs(remotes);
  auto refs = ToCollectionRefs(wanted);
  PullFoundResult result;
  for (size_t i = 0; i < wanted.size(); i++)
    result.refs.push_back(
        {wanted[i].collectionId, wanted[i].ref, ResolveCollectionRef(repo, refs.get()[i]), {}});

  std::vector<OstreeRepoFinderResult*> list;
  for (const auto& remote : remotes) list.push_back(remote->result.get());
  list.push_back(nullptr);
  auto start = [&](Callback callback) {
    ostree_repo_pull_from_remotes_async(repo, list.data(), options, progress.get(), cancellable,
                                        callback.function, callback.data);
  };
  GpgReasons gpg(repo);
  auto ready = Await(cancellable, start);
  try {
    Try(ostree_repo_pull_from_remotes_finish, repo, ready.get());
  } catch (Failure& failure) {
    ExplainFailure(failure, gpg);
    throw;
  }
  result.state = progress.Finish();
  for (size_t i = 0; i < wanted.size(); i++) result.refs[i].after = ResolveCollectionRef(repo, refs.get()[i]);
  result.elapsed =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_time).count();
  return result;
}

}  // namespace

// ostree_repo_pull_from_remotes_async
Napi::Value PullFromRemotes(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto remotes = args.Next<RemoteHandles>("remotes");
  auto options = args.Next<PullOptions>("options");
  if (!remotes.empty()) options.source = ostree_remote_get_name(remotes.front()->result->remote);
  return Async(args, Abandonable(repo->SharedWork("a pull")), [repo, remotes, options](Job& job) {
    if (remotes.empty()) throw Failure("INVALID_ARGUMENT", "There is no remote to pull from");
    CheckPullOptions(options);
    Succession succession(repo->gate(), job.cancellable());
    auto handle = repo->OpenWriter(job.cancellable());
    Try(ostree_repo_is_writable, handle.get());
    CheckCollectionRemotes(*repo, handle.get());
    RequireDescriptors(kDescriptorsOfMany);
    WaitForRepoLock(*repo, handle.get(), OSTREE_REPO_LOCK_SHARED, job.cancellable(), kLockTimeout);
    UnverifiedSummary unverified(*repo, handle.get());  // libostree has gpg verify the commits alone
    auto variant = ToVariant(OptionsFor(handle.get(), options), InTransaction(handle.get()));
    PullProgress progress(job, StallTimeout(options), Stalled(options));
    return PullFound(handle.get(), remotes, variant.get(), progress, job.cancellable());
  });
}

}  // namespace ostree
