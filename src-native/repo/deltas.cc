#include "deltas.h"

#include <optional>

#include "core/validate.h"
#include "delta_staging.h"
#include "delta_superblock.h"
#include "engine/tree_check.h"
#include "repo.h"
#include "repo_lock.h"
#include "rev.h"

namespace ostree {
namespace {

struct GenerateOptions {
  std::string to;
  std::optional<std::string> from;  // none: nothing, or the parent of `to`
  bool fromParent = false;
  bool ifNotExists = false, isInline = false, bsdiff = true;
  std::optional<std::string> filename;                                   // absolute; none: in the repository
  std::optional<uint32_t> minFallbackSize, maxBsdiffSize, maxChunkSize;  // megabytes
  std::optional<bool> bigEndian;
  bool sign = false;

  void Fields(auto&& field) {
    field("to", to);
    field("from", from);
    field("fromParent", fromParent);
    field("ifNotExists", ifNotExists);
    field("inline", isInline);
    field("bsdiff", bsdiff);
    field("filename", filename);
    field("minFallbackSize", minFallbackSize);
    field("maxBsdiffSize", maxBsdiffSize);
    field("maxChunkSize", maxChunkSize);
    field("bigEndian", bigEndian);
    field("sign", sign);
  }
};

// A delta that is ready. Without `staged` it is there already; `data` is what is to be signed.
struct Generated {
  DeltaName name;
  std::shared_ptr<DeltaStaging> staged;
  std::optional<Bytes> data;

  void Fields(auto&& field) {
    field("name", name);
    if (staged) field("staged", staged);
    field("data", data);
  }
};

DeltaName Resolve(OstreeRepo* repo, const GenerateOptions& options) {
  auto to = ResolveRev(repo, options.to);
  if (options.fromParent) return MakeDeltaName(ResolveRev(repo, options.to + "^"), to);
  if (!options.from) return MakeDeltaName({}, to);
  return MakeDeltaName(ResolveRev(repo, *options.from), to);
}

// With two commits, libostree follows every path and keeps the name of every file.
constexpr uint64_t kMaxEntries = 10'000'000;

// The objects of both commits, once they are fit for libostree to read.
TreeObjects CheckTrees(TreeCheck& check, const DeltaName& name) {
  std::vector<TreeLinks::Dir> roots = {check.Commit(Checksum::FromHex(name.to))->root};
  if (name.from) roots.push_back(check.Commit(Checksum::FromHex(*name.from))->root);
  std::vector<Checksum> dirtrees;
  for (const auto& root : roots) dirtrees.push_back(root.contents);
  check.Load(dirtrees);
  check.CheckDepth(dirtrees);
  if (name.from && check.graph().Measure(dirtrees).entries > kMaxEntries)
    throw Failure("TOO_LARGE",
                  "Commits of more than 10,000,000 paths are too large to be compared for a delta; make one "
                  "from nothing (from: null)");
  TreeObjects objects;
  for (const auto& root : roots) check.graph().Collect(root, objects);
  return objects;
}

// ostree_repo_static_delta_generate
void Generate(OstreeRepo* repo, const DeltaName& name, GVariant* parameters, GCancellable* cancellable) {
  TreeCheck check(repo, TreeCheck::Missing::kFails, cancellable);
  auto files = CheckTrees(check, name).files;
  CheckFiles(repo, files, cancellable);
  try {
    Try(ostree_repo_static_delta_generate, repo, OSTREE_STATIC_DELTA_GENERATE_OPT_MAJOR,
        name.from ? name.from->c_str() : nullptr, name.to.c_str(), nullptr, parameters, cancellable);
  } catch (const Failure& failure) {
    ThrowIfDamaged(failure, repo, files, cancellable);
    throw;
  }
}

Shared<GVariant> Parameters(const GenerateOptions& options, const std::string& superblock) {
  GVariantDict dict;
  g_variant_dict_init(&dict, nullptr);
  auto add = [&](const char* key, const std::optional<uint32_t>& value) {
    if (value) g_variant_dict_insert(&dict, key, "u", *value);
  };
  add("min-fallback-size", options.minFallbackSize);
  add("max-bsdiff-size", options.maxBsdiffSize);
  add("max-chunk-size", options.maxChunkSize);
  if (options.bigEndian)
    add("endianness", static_cast<uint32_t>(*options.bigEndian ? G_BIG_ENDIAN : G_LITTLE_ENDIAN));
  g_variant_dict_insert(&dict, "bsdiff-enabled", "b", gboolean(options.bsdiff));
  g_variant_dict_insert(&dict, "inline-parts", "b", gboolean(options.isInline));
  g_variant_dict_insert(&dict, "filename", "^ay", superblock.c_str());
  return Shared<GVariant>::Share(g_variant_dict_end(&dict));
}

struct Target {
  std::string directory, name;
};
Target SplitPath(const std::string& path) {
  auto slash = path.rfind('/');
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

Fd OpenDirectory(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Failure::Errno("open", path);
  return fd;
}

void CheckOptions(const GenerateOptions& options) {
  if (!options.filename) return;
  CheckPath(*options.filename, "filename");
  if (options.filename->front() != '/' || options.filename->back() == '/')
    throw Failure("INVALID_ARGUMENT", "filename must be the absolute path of a file");
}

void Sign(const DeltaStaging& staged, const SignatureMap& signatures) {
  auto outer = SignedSuperblock(ReadDeltaFile(staged.dir(), "superblock"), signatures);
  staged.Write("superblock.new", g_variant_get_data(outer.get()), g_variant_get_size(outer.get()));
  if (renameat(staged.dir(), "superblock.new", staged.dir(), "superblock") < 0)
    throw Failure::Errno("rename", "superblock");
}

Bytes ToBytes(GBytes* bytes) {
  gsize size = 0;
  auto* data = static_cast<const uint8_t*>(g_bytes_get_data(bytes, &size));
  return Bytes(data, data + size);
}

// ostree_repo_static_delta_reindex. CheckDeltaNames() comes before.
void Reindex(OstreeRepo* writer, const std::optional<std::string>& to, GCancellable* cancellable) {
  Try(ostree_repo_static_delta_reindex, writer, OSTREE_STATIC_DELTA_INDEX_FLAGS_NONE,
      to ? to->c_str() : nullptr, cancellable);
}

}  // namespace

// ostree_repo_static_delta_generate. Abandonable: no cancel reaches bsdiff, which is slow on large files.
Napi::Value DeltaGenerate(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto options = args.Next<GenerateOptions>("options");
  return Async(args, Abandonable(repo->SharedWork("making a delta")), [repo, options](Job& job) {
    CheckOptions(options);
    auto handle = repo->OpenWriter(job.cancellable());
    Try(ostree_repo_is_writable, handle.get());
    auto name = Resolve(handle.get(), options);
    if (options.ifNotExists && HasDelta(handle.get(), name)) return Generated{name, nullptr, {}};
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    auto staged = std::make_shared<DeltaStaging>(options.filename
                                                     ? OpenDirectory(SplitPath(*options.filename).directory)
                                                     : OpenBesideDeltas(handle.get()));
    auto parameters = Parameters(options, staged->PathOf("superblock"));
    Generate(handle.get(), name, parameters.get(), job.cancellable());
    Generated result{name, staged, {}};
    if (options.sign) result.data = ToBytes(ReadDeltaFile(staged->dir(), "superblock").get());
    return result;
  });
}

// What ostree_repo_static_delta_generate() does at its end
Napi::Value DeltaPublish(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto staged = args.Handle<DeltaStaging>("staged");
  auto name = args.Next<std::string>("name");
  auto filename = args.Next<std::optional<std::string>>("filename");
  auto signatures = args.Next<SignatureMap>("signatures");
  return Async(args, repo->UpdateWork(), [repo, staged, name, filename, signatures](Job& job) {
    auto path = DeltaPath(ParseDeltaName(name));
    if (filename) CheckPath(*filename, "filename");
    auto handle = repo->OpenWriter(job.cancellable());
    if (!signatures.empty()) Sign(*staged, signatures);
    if (repo->spec().fsync) staged->Sync();
    if (!filename) return staged->MoveTo(ostree_repo_get_dfd(handle.get()), path, repo->spec().fsync);
    auto target = SplitPath(*filename);
    staged->MoveFilesTo(OpenDirectory(target.directory).get(), target.name, repo->spec().fsync);
  });
}

// One that is not to be published after all
Napi::Value DeltaDiscard(const Napi::CallbackInfo& info) {
  Args args(info);
  auto staged = args.Handle<DeltaStaging>("staged");
  return Async(args, ReadPool(), [staged](Job&) { staged->Discard(); });
}

// As ostree_repo_list_static_delta_names
Napi::Value DeltaList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, repo->ReadWork(),
               [repo](Job& job) { return ListDeltas(repo->reader().get(), job.cancellable()); });
}

// As ostree_repo_list_static_delta_indexes
Napi::Value DeltaIndexes(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, repo->ReadWork(),
               [repo](Job& job) { return ListDeltaIndexes(repo->reader().get(), job.cancellable()); });
}

Napi::Value DeltaReindex(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto to = args.Next<std::optional<std::string>>("to");
  return Async(args, repo->UpdateWork(), [repo, to](Job& job) {
    auto writer = repo->OpenWriter(job.cancellable());
    if (to) CheckChecksum(*to, "to");
    CheckDeltaNames(writer.get(), job.cancellable());
    WaitForRepoLock(*repo, writer.get(), OSTREE_REPO_LOCK_SHARED, job.cancellable());
    Reindex(writer.get(), to, job.cancellable());
  });
}

// As the command's `static-delta delete`, and what is in an index goes there, too
Napi::Value DeltaRemove(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto text = args.Next<std::string>("name");
  return Async(args, repo->UpdateWork(), [repo, text](Job& job) {
    auto name = ParseDeltaName(text);
    auto writer = repo->OpenWriter(job.cancellable());
    if (!HasDelta(writer.get(), name)) throw Failure("NOT_FOUND", "Can't find delta " + text);
    auto index = DeltaIndexPath(name.to);
    bool has_index = faccessat(ostree_repo_get_dfd(writer.get()), index.c_str(), F_OK, 0) == 0;
    std::optional<RepoLockGuard> lock;
    if (has_index) {
      CheckDeltaNames(writer.get(), job.cancellable());
      lock.emplace(*repo, writer, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    }
    RemoveDelta(writer.get(), name);
    // Not to be cancelled any more: the index names a delta that is gone.
    if (has_index) Reindex(writer.get(), name.to, /* cancellable */ nullptr);
  });
}

}  // namespace ostree
