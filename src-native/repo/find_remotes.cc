#include "find_remotes.h"

#include <utility>

#include "await.h"
#include "core/validate.h"
#include "finders.h"
#include "found_remote.h"
#include "summary_cache.h"

namespace ostree {
namespace {

constexpr size_t kMaxUrl = 4096;  // it becomes the name of a remote, too

struct FindOptions {
  std::vector<CollectionRefOption> refs;  // all with a checksum, or none
  std::optional<std::vector<std::string>> finders;
  std::vector<std::string> urls;
  std::optional<uint32_t> networkRetries;

  void Fields(auto&& field) {
    field("refs", refs);
    field("finders", finders);
    field("urls", urls);
    field("networkRetries", networkRetries);
  }
};

struct Found {
  std::shared_ptr<FoundRemote> handle;
  std::string name, finder;
  Nullable<std::string> url;
  int32_t priority = 0;
  Nullable<double> summaryLastModified;  // seconds
  std::vector<FoundRef> refs;

  void Fields(auto&& field) {
    field("handle", handle);
    field("name", name);
    field("finder", finder);
    field("url", url);
    field("priority", priority);
    field("summaryLastModified", summaryLastModified);
    field("refs", refs);
  }
};

void CheckFindOptions(const FindOptions& options) {
  // libostree would never call back.
  if (options.refs.empty()) throw Failure("INVALID_ARGUMENT", "refs must not be empty");
  for (const auto& ref : options.refs) {
    CheckCollectionId(ref.collectionId, "refs");
    CheckRef(ref.ref, "refs");
    if (ref.checksum) CheckChecksum(*ref.checksum, "refs");
    if (ref.checksum.has_value() != options.refs.front().checksum.has_value())
      throw Failure("INVALID_ARGUMENT", "Either all refs have a checksum, or none has");
  }
  for (const auto& url : options.urls)
    if (url.empty() || url.size() > kMaxUrl)
      throw Failure("INVALID_ARGUMENT", "A URL to look at has 1 to 4096 bytes");
}

Shared<GVariant> ToVariant(const FindOptions& options) {
  GVariantDict dict;
  g_variant_dict_init(&dict, nullptr);
  if (options.networkRetries) g_variant_dict_insert(&dict, "n-network-retries", "u", *options.networkRetries);
  std::vector<const char*> commits;
  for (const auto& ref : options.refs)
    if (ref.checksum) commits.push_back(ref.checksum->c_str());
  if (!commits.empty())
    g_variant_dict_insert_value(&dict, "override-commit-ids",
                                g_variant_new_strv(commits.data(), static_cast<gssize>(commits.size())));
  return Shared<GVariant>::Share(g_variant_dict_end(&dict));
}

Found Describe(FinderResult result) {
  Found found;
  found.name = ValidUtf8(ostree_remote_get_name(result->remote));
  if (Owned<char> url(ostree_remote_get_url(result->remote)); url) found.url = ValidUtf8(url.get());
  found.finder = Finders::NameOf(result->finder);
  found.priority = result->priority;
  found.summaryLastModified = Seconds(result->summary_last_modified);
  found.refs = RefsOf(result.get());
  // A finder belongs to the thread that made it, and JS keeps the result. A pull does not look at it.
  auto anything = Shared<OstreeRepoFinderConfig>::Take(ostree_repo_finder_config_new());
  g_set_object(&result->finder, OSTREE_REPO_FINDER(anything.get()));
  found.handle = std::make_shared<FoundRemote>();
  found.handle->result = std::move(result);
  return found;
}

std::vector<Found> Find(OstreeRepo* repo, const FindOptions& options, GCancellable* cancellable) {
  Finders finders(repo, options.finders, options.urls);
  auto refs = ToCollectionRefs(options.refs);
  auto variant = ToVariant(options);
  auto start = [&](Callback callback) {
    ostree_repo_find_remotes_async(repo, refs.get(), variant.get(), finders.get(), nullptr, cancellable,
                                   callback.function, callback.data);
  };
  auto ready = Await(cancellable, start, [&finders] { finders.Cancel(); });
  auto** results = Try(ostree_repo_find_remotes_finish, repo, ready.get());
  std::vector<FinderResult> owned;
  for (auto** result = results; *result; result++) owned.emplace_back(std::exchange(*result, nullptr));
  ostree_repo_finder_result_freev(results);  // the array alone
  std::vector<Found> found;
  for (auto& result : owned) found.push_back(Describe(std::move(result)));
  return found;
}

}  // namespace

// ostree_repo_find_remotes_async
Napi::Value FindRemotes(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<FindOptions>("options");
  return Async(args, repo->PeerWork(), [repo, options](Job& job) {
    CheckFindOptions(options);
    // libostree adds what it finds to the remotes of the handle, so it gets one of its own.
    auto handle = repo->OpenWriter(job.cancellable());
    CheckCollectionRemotes(*repo, handle.get());
    // Where it finds one at a URL, on a medium or in the local network, libostree does not verify the
    // summary.
    UnverifiedSummary unverified(*repo, handle.get());
    return Find(handle.get(), options, job.cancellable());
  });
}

}  // namespace ostree
