#include "commit_read.h"

#include "core/variant.h"
#include "cursor.h"
#include "detached.h"
#include "engine/load_metadata.h"
#include "repo.h"
#include "rev.h"

namespace ostree {
namespace {

// Commits in one batch of a log.
constexpr size_t kLogBatch = 64;
constexpr const char* kSizesKey = "ostree.sizes";

struct CommitInfo {
  std::string checksum;
  Nullable<std::string> parent;
  std::string subject, body;
  double timestamp = 0;  // seconds since 1970
  Nullable<std::string> version;
  Metadata metadata, detachedMetadata;
  std::string rootContents, rootMetadata, contentChecksum, state;
  std::optional<Bytes> sizes;  // packed, as PackSizes() says

  void Fields(auto&& field) {
    field("checksum", checksum);
    field("parent", parent);
    field("subject", subject);
    field("body", body);
    field("timestamp", timestamp);
    field("version", version);
    field("metadata", metadata);
    field("detachedMetadata", detachedMetadata);
    field("rootContents", rootContents);
    field("rootMetadata", rootMetadata);
    field("contentChecksum", contentChecksum);
    field("state", state);
    field("sizes", sizes);
  }
};

const char* StateName(OstreeRepoCommitState state) {
  if (state & OSTREE_REPO_COMMIT_STATE_FSCK_PARTIAL) return "fsck-partial";
  return state & OSTREE_REPO_COMMIT_STATE_PARTIAL ? "partial" : "normal";
}

// Without ostree.sizes, which has an array of bytes for each object of the commit.
Shared<GVariant> WithoutSizes(GVariant* metadata) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; i < g_variant_n_children(metadata); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(metadata, i));
    if (StringAt(entry.get(), 0) != kSizesKey) g_variant_builder_add_value(&builder, entry.get());
  }
  return Shared<GVariant>::Share(g_variant_builder_end(&builder));
}

void Append(Bytes& bytes, const void* data, size_t size) {
  auto* begin = static_cast<const uint8_t*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

// ostree_commit_get_object_sizes. Of each object: its type (1 byte), checksum (32), size in an archive
// repository and unpacked (8 each, of this machine's order); for there may be a hundred thousand.
Bytes PackSizes(GVariant* commit, const std::string& checksum) {
  Shared<GPtrArray> entries;
  try {
    Try(ostree_commit_get_object_sizes, commit, Out(entries));
  } catch (const Failure& failure) {
    throw CorruptObject(OSTREE_OBJECT_TYPE_COMMIT, checksum, failure.message);
  }
  Bytes packed;
  for (guint i = 0; i < entries.get()->len; i++) {
    auto* entry = static_cast<OstreeCommitSizesEntry*>(g_ptr_array_index(entries.get(), i));
    guchar name[OSTREE_SHA256_DIGEST_LEN];
    ostree_checksum_inplace_to_bytes(entry->checksum, name);
    packed.push_back(static_cast<uint8_t>(entry->objtype));
    Append(packed, name, sizeof name);
    Append(packed, &entry->archived, sizeof entry->archived);
    Append(packed, &entry->unpacked, sizeof entry->unpacked);
  }
  return packed;
}

enum class Sizes { kSkip, kRead };

CommitInfo ReadCommit(OstreeRepo* repo, const std::string& checksum, VariantMode mode, Sizes sizes,
                      GCancellable* cancellable) {
  auto object = LoadMetadata(repo, OSTREE_OBJECT_TYPE_COMMIT, checksum, cancellable);
  auto* commit = object.get();
  OstreeRepoCommitState state{};
  Try(ostree_repo_load_commit, repo, checksum.c_str(), nullptr, &state);

  CommitInfo info;
  info.checksum = checksum;
  if (auto parent = Owned<char>(ostree_commit_get_parent(commit))) info.parent = parent.get();
  info.subject = StringAt(commit, 3);
  info.body = StringAt(commit, 4);
  info.timestamp = static_cast<double>(ostree_commit_get_timestamp(commit));
  info.rootContents = ChecksumAt(commit, 6);
  info.rootMetadata = ChecksumAt(commit, 7);
  info.contentChecksum = Owned<char>(ostree_commit_get_content_checksum(commit)).get();
  info.state = StateName(state);

  auto metadata = Shared<GVariant>::Take(g_variant_get_child_value(commit, 0));
  const char* version = nullptr;
  if (g_variant_lookup(metadata.get(), "version", "&s", &version)) info.version = version;
  bool has_sizes = g_variant_lookup(metadata.get(), kSizesKey, "@aay", nullptr);
  if (has_sizes && sizes == Sizes::kRead) info.sizes = PackSizes(commit, checksum);
  if (has_sizes && mode == VariantMode::kPlain) metadata = WithoutSizes(metadata.get());
  info.metadata = {metadata, mode};
  // A copy, for what libostree returns may be a map of the file, and is unchecked.
  auto detached = LoadDetached(repo, checksum, cancellable);
  info.detachedMetadata = {detached ? NormalForm(detached.get()) : detached, mode};
  return info;
}

// From a commit through its parents, as far as they are there.
class LogCursor final : public CursorOf<CommitInfo> {
 public:
  LogCursor(std::shared_ptr<Repo> repo, std::string rev, VariantMode mode)
      : CursorOf(repo->ReadWork(), kLogBatch), repo_(std::move(repo)), rev_(std::move(rev)), mode_(mode) {}

 private:
  bool Step(std::vector<CommitInfo>& commits, Job& job) override {
    auto reader = repo_->reader();
    bool first = next_.empty();
    if (first) next_ = ResolveRev(reader.get(), rev_);
    CheckForLoop();
    try {
      commits.push_back(ReadCommit(reader.get(), next_, mode_, Sizes::kSkip, job.cancellable()));
    } catch (Failure& failure) {
      // As `ostree log`: history beyond what was pulled is no error.
      if (!first && failure.Is("NOT_FOUND")) return false;
      failure.ref = rev_;
      throw;
    }
    next_ = commits.back().parent.value_or("");
    return !next_.empty();
  }

  // Only a damaged commit can be its own ancestor. Marks a commit now and then, and waits for it to come
  // again.
  void CheckForLoop() {
    if (next_ == mark_) throw CorruptObject(OSTREE_OBJECT_TYPE_COMMIT, next_, "it is its own ancestor");
    if (++steps_ < next_mark_) return;
    mark_ = next_;
    next_mark_ = 2 * steps_;
  }

  const std::shared_ptr<Repo> repo_;
  const std::string rev_;
  const VariantMode mode_;
  std::string next_, mark_;
  uint64_t steps_ = 0, next_mark_ = 1;
};

VariantMode Mode(bool keep_variants) { return keep_variants ? VariantMode::kKeep : VariantMode::kPlain; }

}  // namespace

// ostree_repo_load_commit
Napi::Value CommitRead(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto mode = Mode(args.Next<bool>("variants"));
  return Async(args, repo->ReadWork(), [repo, rev, mode](Job& job) {
    auto reader = repo->reader();
    auto checksum = ResolveRev(reader.get(), rev);
    try {
      return ReadCommit(reader.get(), checksum, mode, Sizes::kRead, job.cancellable());
    } catch (Failure& failure) {
      failure.ref = rev;
      throw;
    }
  });
}

// ostree_repo_load_commit, ostree_commit_get_parent
Napi::Value CommitLog(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto mode = Mode(args.Next<bool>("variants"));
  return NewHandle<Cursor>(info.Env(), std::make_shared<LogCursor>(repo, rev, mode));
}

}  // namespace ostree
