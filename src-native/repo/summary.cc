#include "summary.h"

#include <sys/stat.h>

#include "delta_names.h"
#include "open_transaction.h"
#include "repo_lock.h"
#include "rev.h"
#include "sign.h"
#include "signatures.h"
#include "summary_commits.h"
#include "summary_data.h"
#include "summary_draft.h"
#include "summary_file.h"

namespace ostree {
namespace {

struct LocalSummary {
  SummaryData summary;
  bool is_signed = false;

  void Fields(auto&& field) {
    field("summary", summary);
    field("signed", is_signed);
  }
};

// A commit of the ref ostree-metadata, which no ref names yet.
struct MetadataCommit {
  std::string checksum;
  Nullable<std::string> parent;

  void Fields(auto&& field) {
    field("checksum", checksum);
    field("parent", parent);
  }
};

Nullable<std::string> MetadataHead(OstreeRepo* repo) {
  Owned<char> head;
  Try(ostree_repo_resolve_rev, repo, OSTREE_REPO_METADATA_REF, TRUE, Out(head));
  if (!head) return {};
  return std::string(head.get());
}

// The tree of such a commit is an empty directory.
Shared<OstreeRepoFile> WriteEmptyTree(OstreeRepo* repo, GCancellable* cancellable) {
  auto info = Shared<GFileInfo>::Take(g_file_info_new());
  g_file_info_set_attribute_uint32(info.get(), "unix::uid", 0);
  g_file_info_set_attribute_uint32(info.get(), "unix::gid", 0);
  g_file_info_set_attribute_uint32(info.get(), "unix::mode", S_IFDIR | 0755);
  auto dirmeta = Shared<GVariant>::Share(ostree_create_directory_metadata(info.get(), nullptr));
  Owned<guchar> digest;
  Try(ostree_repo_write_metadata, repo, OSTREE_OBJECT_TYPE_DIR_META, nullptr, dirmeta.get(), Out(digest),
      cancellable);
  auto tree = Shared<OstreeMutableTree>::Take(ostree_mutable_tree_new());
  Owned<char> checksum(ostree_checksum_from_bytes(digest.get()));
  ostree_mutable_tree_set_metadata_checksum(tree.get(), checksum.get());
  Shared<GFile> root;
  Try(ostree_repo_write_mtree, repo, tree.get(), Out(root), cancellable);
  return Shared<OstreeRepoFile>::Share(OSTREE_REPO_FILE(root.get()));
}

Shared<GVariant> WithBindings(GVariant* metadata, const char* collection_id) {
  const char* ref = OSTREE_REPO_METADATA_REF;
  GVariantDict dict;
  g_variant_dict_init(&dict, metadata);
  g_variant_dict_insert(&dict, OSTREE_COMMIT_META_KEY_COLLECTION_BINDING, "s", collection_id);
  g_variant_dict_insert_value(&dict, OSTREE_COMMIT_META_KEY_REF_BINDING, g_variant_new_strv(&ref, 1));
  return Shared<GVariant>::Share(g_variant_dict_end(&dict));
}

// The ref moves only if nobody else moved it since the commit was made.
void SetMetadataRef(const Repo& repo, const MetadataCommit& commit, GCancellable* cancellable) {
  OpenTransaction transaction(repo, {}, cancellable);
  auto* id = ostree_repo_get_collection_id(transaction.handle());
  if (!id) throw Failure("INVALID_ARGUMENT", "The repository has no collection id any more");
  RefUpdate update;
  update.ref = OSTREE_REPO_METADATA_REF;
  update.collectionId = id;
  update.checksum = commit.checksum;
  update.expected = commit.parent;
  transaction.Commit({update}, cancellable);
}

// The metadata to add, and when the summary expires, which libostree wants big-endian.
Shared<GVariant> TakeMetadata(Args& args) {
  auto metadata = args.Next<Shared<GVariant>>("metadata");
  auto expires = args.Next<std::optional<uint64_t>>("expires");
  GVariantDict dict;
  g_variant_dict_init(&dict, metadata.get());
  if (expires) g_variant_dict_insert(&dict, "ostree.summary.expires", "t", GUINT64_TO_BE(*expires));
  return Shared<GVariant>::Share(g_variant_dict_end(&dict));
}

}  // namespace

Napi::Value SummaryRead(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto mode = args.Next<bool>("variants") ? VariantMode::kKeep : VariantMode::kPlain;
  return Async(args, repo->ReadWork(), [repo, mode](Job&) {
    auto reader = repo->reader();
    auto data = ReadSummary(reader.get());
    auto bytes = Shared<GBytes>::Take(g_bytes_new(data.data(), data.size()));
    return LocalSummary{ParseSummary(bytes.get(), mode),
                        static_cast<bool>(ReadSummarySignatures(reader.get()))};
  });
}

Napi::Value SummarySigned(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, repo->ReadWork(), [repo](Job&) {
    auto reader = repo->reader();
    auto signatures = ReadSummarySignatures(reader.get());
    auto data = ReadSummary(reader.get());
    return SignedData{SummaryChecksum(data), data, SignaturesIn(signatures.get())};
  });
}

// ostree_repo_write_commit, as `ostree summary -u` does it in a repository with a collection id
Napi::Value SummaryCommitMetadata(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto metadata = TakeMetadata(args);
  return Async(args, repo->UpdateWork(), [repo, metadata](Job& job) -> std::optional<MetadataCommit> {
    if (!ostree_repo_get_collection_id(repo->OpenWriter(job.cancellable()).get())) return std::nullopt;
    OpenTransaction transaction(*repo, {}, job.cancellable());
    auto* writer = transaction.handle();
    auto* collection_id = ostree_repo_get_collection_id(writer);
    if (!collection_id) return std::nullopt;
    auto bound = WithBindings(metadata.get(), collection_id);
    MetadataCommit commit{"", MetadataHead(writer)};
    auto root = WriteEmptyTree(writer, job.cancellable());
    Owned<char> checksum;
    Try(ostree_repo_write_commit, writer, commit.parent ? commit.parent->c_str() : nullptr, nullptr, nullptr,
        bound.get(), root.get(), Out(checksum), job.cancellable());
    transaction.Commit({}, job.cancellable());
    commit.checksum = checksum.get();
    return commit;
  });
}

// ostree_repo_regenerate_summary, ostree_repo_gpg_sign_data
Napi::Value SummaryMake(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto metadata = TakeMetadata(args);
  auto commit = args.Next<std::optional<MetadataCommit>>("commit");
  auto signers = args.Next<std::vector<GpgSigner>>("signers");
  return Async(args, repo->UpdateWork(), [repo, metadata, commit, signers](Job& job) {
    auto writer = repo->OpenWriter(job.cancellable());
    if (commit) SetMetadataRef(*repo, *commit, job.cancellable());
    CheckDeltaNames(writer.get(), job.cancellable());
    CheckSummaryCommits(writer.get(), job.cancellable());
    RepoLockGuard lock(*repo, writer, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    auto draft = DraftSummary(*repo, writer.get(), metadata.get(), job.cancellable());
    for (const auto& signer : signers)
      draft.signatures[kGpgSignatures].push_back(
          GpgSign(writer.get(), draft.data, signer, job.cancellable()));
    return draft;
  });
}

// As ostree_repo_add_gpg_signature_summary and ostree_sign_summary do it
Napi::Value SummaryInstall(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto draft = args.Next<SummaryDraft>("draft");
  return Async(args, repo->UpdateWork(),
               [repo, draft](Job& job) { InstallSummary(repo->OpenWriter(job.cancellable()).get(), draft); });
}

}  // namespace ostree
