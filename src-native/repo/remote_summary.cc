#include "remote_summary.h"

#include "core/main_context.h"
#include "core/validate.h"
#include "fetch_options.h"
#include "keyring.h"
#include "remote_check.h"
#include "repo.h"
#include "summary_cache.h"
#include "summary_data.h"

namespace ostree {
namespace {

struct FetchedSummary {
  Bytes bytes;
  Nullable<Bytes> signatures;
  SummaryData summary;

  void Fields(auto&& field) {
    field("bytes", bytes);
    field("signatures", signatures);
    field("summary", summary);
  }
};

struct SummaryOptions : FetchOptions {
  bool variants = false;  // metadata is to be kept as Variants

  void Fields(auto&& field) {
    FetchOptions::Fields(field);
    field("variants", variants);
  }
};

Bytes ToBytes(GBytes* bytes) {
  gsize size = 0;
  auto* data = static_cast<const uint8_t*>(g_bytes_get_data(bytes, &size));
  return size ? Bytes(data, data + size) : Bytes();
}

// Verifies what the remote's config says must be signed.
FetchedSummary Fetch(OstreeRepo* repo, const std::string& name, const SummaryOptions& options,
                     GCancellable* cancellable) {
  GVariantDict dict;
  g_variant_dict_init(&dict, nullptr);
  options.AddTo(&dict);
  auto variant = Shared<GVariant>::Share(g_variant_dict_end(&dict));
  Shared<GBytes> summary, signatures;
  Try(ostree_repo_remote_fetch_summary_with_options, repo, name.c_str(), variant.get(), Out(summary),
      Out(signatures), cancellable);
  if (!summary) throw Failure("NOT_FOUND", "Remote refs not available; server has no summary file");
  auto mode = options.variants ? VariantMode::kKeep : VariantMode::kPlain;
  FetchedSummary fetched{ToBytes(summary.get()), {}, ParseSummary(summary.get(), mode)};
  if (signatures) fetched.signatures = ToBytes(signatures.get());
  return fetched;
}

}  // namespace

// ostree_repo_remote_fetch_summary_with_options
Napi::Value RemoteSummary(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  auto options = args.Next<SummaryOptions>("options");
  return Async(args, repo->PeerWork(), [repo, name, options](Job& job) {
    CheckRemoteName(name, "name");
    return WithRemote(name, [&] {
      auto handle = repo->OpenWriter(job.cancellable());
      CheckRemoteConfig(handle.get(), name);
      RequireDescriptors(kDescriptorsOfMany);
      auto rules = SummaryRulesOf(RemoteReader(handle.get(), name));
      if (rules.gpg) CheckKeyrings(*repo, handle.get(), name);
      std::optional<UnverifiedSummary> unverified;
      if (!rules.any()) unverified.emplace(*repo, handle.get());
      return Fetch(handle.get(), name, options, job.cancellable());
    });
  });
}

}  // namespace ostree
