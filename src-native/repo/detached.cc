#include "detached.h"

#include "core/hash.h"
#include "core/variant.h"
#include "repo.h"
#include "rev.h"

namespace ostree {
namespace {

Failure CorruptObject(const char* type, const std::string& checksum, const std::string& message) {
  Failure failure("CORRUPT", message);
  failure.checksum = checksum;
  failure.details = Shared<GVariant>::Share(
      g_variant_new_parsed("{'objects': <[{'type': <%s>, 'checksum': <%s>}]>}", type, checksum.c_str()));
  return failure;
}

constexpr const char* kHeld = "ostree-node-held-detached-metadata";

}  // namespace

HeldDetached::HeldDetached(OstreeRepo* repo) : repo_(repo) {
  g_object_set_data(G_OBJECT(repo_), kHeld, this);
}

HeldDetached::~HeldDetached() { g_object_set_data(G_OBJECT(repo_), kHeld, nullptr); }

HeldDetached* HeldDetached::Of(OstreeRepo* repo) {
  return static_cast<HeldDetached*>(g_object_get_data(G_OBJECT(repo), kHeld));
}

// ostree_repo_write_commit_detached_metadata
void HeldDetached::Write(GCancellable* cancellable) {
  for (const auto& [commit, metadata] : by_commit)
    Try(ostree_repo_write_commit_detached_metadata, repo_, commit.c_str(), metadata.get(), cancellable);
}

// ostree_repo_read_commit_detached_metadata
Shared<GVariant> LoadDetached(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable) {
  if (auto* held = HeldDetached::Of(repo)) {
    auto found = held->by_commit.find(checksum);
    if (found != held->by_commit.end()) return found->second;
  }
  Shared<GVariant> metadata;
  Try(ostree_repo_read_commit_detached_metadata, repo, checksum.c_str(), Out(metadata), cancellable);
  return metadata;
}

Shared<GVariant> ReadDetached(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable) {
  auto metadata = LoadDetached(repo, checksum, cancellable);
  if (!metadata) return metadata;
  auto normal = NormalForm(metadata.get());
  if (!g_variant_equal(normal.get(), metadata.get()))
    throw CorruptObject(
        "commitmeta", checksum,
        "The detached metadata of commit " + checksum + " is damaged; replace it with setDetachedMetadata()");
  return normal;
}

// ostree_repo_write_commit_detached_metadata
void WriteDetached(OstreeRepo* repo, const std::string& checksum, GVariant* metadata,
                   GCancellable* cancellable) {
  if (auto* held = HeldDetached::Of(repo)) {
    held->by_commit[checksum] = Shared<GVariant>::Share(metadata);
    return;
  }
  Try(ostree_repo_write_commit_detached_metadata, repo, checksum.c_str(), metadata, cancellable);
}

// ostree_repo_load_variant
Shared<GVariant> LoadCommitObject(OstreeRepo* repo, const std::string& checksum) {
  Shared<GVariant> commit;
  try {
    Try(ostree_repo_load_variant, repo, OSTREE_OBJECT_TYPE_COMMIT, checksum.c_str(), Out(commit));
  } catch (Failure& failure) {
    failure.checksum = checksum;
    throw;
  }
  return commit;
}

Bytes ReadCommitBytes(OstreeRepo* repo, const std::string& checksum) {
  auto commit = LoadCommitObject(repo, checksum);
  auto* data = static_cast<const uint8_t*>(g_variant_get_data(commit.get()));
  auto size = g_variant_get_size(commit.get());
  Sha256 hash;
  hash.Update(data, size);
  // A signature names no checksum: it would as well be valid for another commit found in this one's place.
  if (hash.Hex() != checksum)
    throw CorruptObject("commit", checksum, "The content of commit " + checksum + " is not of that checksum");
  return Bytes(data, data + size);
}

// ostree_repo_write_commit_detached_metadata
Napi::Value DetachedSet(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto metadata = args.Next<Nullable<Shared<GVariant>>>("metadata");
  return Async(args, repo->UpdateWork(), [repo, rev, metadata](Job& job) {
    auto writer = repo->OpenWriter(job.cancellable());
    auto checksum = ResolveRev(writer.get(), rev);
    ReadCommitBytes(writer.get(), checksum);
    WriteDetached(writer.get(), checksum, metadata ? metadata->get() : nullptr, job.cancellable());
  });
}

}  // namespace ostree
