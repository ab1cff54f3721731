#include "commit.h"

#include <algorithm>

#include "bootable.h"
#include "composefs.h"
#include "core/validate.h"
#include "core/variant.h"
#include "detached.h"
#include "engine/objects.h"
#include "engine/sizes.h"
#include "engine/tar.h"
#include "engine/write_tree.h"
#include "open_transaction.h"
#include "rev.h"
#include "skip_questions.h"

namespace ostree {
namespace {

constexpr const char* kSizesKey = "ostree.sizes";

struct CommitProgress {
  std::string phase;
  uint64_t files, totalFiles, bytes;

  void Fields(auto&& field) {
    field("phase", phase);
    field("files", files);
    field("totalFiles", totalFiles);
    field("bytes", bytes);
  }
};

Checksum Resolve(OstreeRepo* handle, const std::string& rev) {
  return Checksum::FromHex(ResolveRev(handle, rev));
}

// Reads a file from front to back.
TarInput ReadFrom(const std::string& path) {
  CheckPath(path, "tar");
  auto fd = std::make_shared<Fd>(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!*fd) throw Failure::Errno("open", path);
  return [fd, path](char* buffer, size_t size) {
    for (;;) {
      ssize_t count = read(fd->get(), buffer, size);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) throw Failure::Errno("read", path);
    }
  };
}

TarInput ReadFrom(std::shared_ptr<ByteChannel> stream, GCancellable* cancellable) {
  // Whoever writes to it is told when nobody reads any more.
  auto reader = std::shared_ptr<ByteChannel>(stream.get(), [stream](ByteChannel* it) { it->Close(); });
  return [reader, cancellable](char* buffer, size_t size) { return reader->Read(buffer, size, cancellable); };
}

TreeSource SourceOf(OstreeRepo* handle, const CommitSourceSpec& spec, GCancellable* cancellable) {
  if (spec.tar || spec.stream) {
    TarSource tar{spec.tar ? ReadFrom(*spec.tar) : ReadFrom(*spec.stream, cancellable),
                  spec.autocreateParents, spec.whiteouts};
    return {std::move(tar), spec.prefix};
  }
  if (spec.dir) return {DirSource{*spec.dir}, spec.prefix};
  if (spec.files) {
    auto files = (*spec.files)->Get();
    files->Seal();
    return {FilesSource{files}, spec.prefix};
  }
  if (spec.contents) {
    ObjectSource source{Checksum::FromHex(*spec.contents), Checksum::FromHex(spec.metadata.value_or(""))};
    LoadDirTree(handle, source.contents);  // they are here
    LoadDirMeta(handle, source.metadata);
    return {source, spec.prefix};
  }
  return {CommitSource{Resolve(handle, spec.ref.value_or("")), spec.subpath.value_or("")}, spec.prefix};
}

ModeChange ChangeOf(const StatOverrideSpec& spec) {
  if (spec.add) return {ModeChange::Kind::kAdd, *spec.add & 07777};
  return {ModeChange::Kind::kSet, spec.set.value_or(0) & 07777};
}

CommitPlan PlanOf(OstreeRepo* handle, const CommitSpec& spec, GCancellable* cancellable) {
  CommitPlan plan;
  if (spec.base) plan.base = Resolve(handle, *spec.base);
  for (const auto& source : spec.tree) plan.sources.push_back(SourceOf(handle, source, cancellable));
  plan.uid = spec.uid;
  plan.gid = spec.gid;
  plan.canonical_permissions = spec.canonicalPermissions;
  plan.read_only_executables = spec.modeRoExecutables;
  plan.xattrs = spec.xattrs;
  for (const auto& [path, change] : spec.statOverride) plan.stat_override.emplace(path, ChangeOf(change));
  plan.skip = spec.skip;
  plan.skip_globs = spec.skipGlobs;
  if (spec.askSkips) plan.ask_skips = AskThrough(*spec.askSkips, cancellable);
  if (spec.selinux) {
    plan.policy = PolicyOf(handle, *spec.selinux, plan, cancellable);
    plan.labels_usr_etc_as_etc = spec.selinux->labelingEpoch > 0;
  }
  plan.consume = spec.consume;
  if (spec.devino) plan.devino = *spec.devino;
  plan.cache = spec.cache;
  plan.concurrency = spec.concurrency;
  return plan;
}

void ReportEngine(Job& job, const EngineProgress& now) {
  Report(job, CommitProgress{now.phase, now.files, now.total_files, now.bytes});
}

ReportProgress ReporterOf(Job& job) {
  if (!job.wants_progress()) return nullptr;
  return [&job](const EngineProgress& now) { ReportEngine(job, now); };
}

CommitStats StatsOf(const EngineStats& stats) {
  return {stats.content_objects,  stats.content_written, stats.bytes_written,
          stats.metadata_written, stats.cache_hits,      {}};
}

// Asks for no object: with a contents checksum, write_mtree only makes the root of it.
Shared<GFile> RootOf(OstreeRepo* handle, const WrittenTree& tree, GCancellable* cancellable) {
  auto mtree = Shared<OstreeMutableTree>::Take(ostree_mutable_tree_new_from_checksum(
      handle, tree.contents.Hex().c_str(), tree.metadata.Hex().c_str()));
  Shared<GFile> root;
  Try(ostree_repo_write_mtree, handle, mtree.get(), Out(root), cancellable);
  return root;
}

Shared<GVariant> RefBinding(const CommitSpec& spec) {
  std::vector<std::string> refs = spec.bindRefs;
  if (spec.branch) refs.push_back(*spec.branch);
  std::sort(refs.begin(), refs.end());
  std::vector<const char*> names;
  for (const auto& ref : refs) names.push_back(ref.c_str());
  return Shared<GVariant>::Share(g_variant_new_strv(names.data(), static_cast<gssize>(names.size())));
}

// Such as where the metadata of an earlier commit of the branch is written once more.
bool HasRefBinding(GVariant* given, const CommitSpec& spec) {
  if (!given) return false;
  auto value = Shared<GVariant>::Take(
      g_variant_lookup_value(given, OSTREE_COMMIT_META_KEY_REF_BINDING, G_VARIANT_TYPE_STRING_ARRAY));
  return value && g_variant_equal(value.get(), RefBinding(spec).get());
}

// As `ostree commit` orders it, for the order is part of the checksum: what was given, the bindings, what
// makes it bootable.
Shared<GVariant> MetadataOf(OstreeRepo* handle, const CommitSpec& spec, GVariant* given,
                            const WrittenTree& tree, GFile* root, GCancellable* cancellable) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  if (spec.version)
    g_variant_builder_add(&builder, "{sv}", "version", g_variant_new_string(spec.version->c_str()));
  for (size_t i = 0; given && i < g_variant_n_children(given); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(given, i));
    g_variant_builder_add_value(&builder, entry.get());
  }
  if (spec.bindings) {
    if (!HasRefBinding(given, spec))
      g_variant_builder_add(&builder, "{sv}", OSTREE_COMMIT_META_KEY_REF_BINDING, RefBinding(spec).get());
    auto* collection = ostree_repo_get_collection_id(handle);
    bool is_given = given && g_variant_lookup(given, OSTREE_COMMIT_META_KEY_COLLECTION_BINDING, "*", nullptr);
    if (collection && !is_given)
      g_variant_builder_add(&builder, "{sv}", OSTREE_COMMIT_META_KEY_COLLECTION_BINDING,
                            g_variant_new_string(collection));
  }
  auto metadata = Shared<GVariant>::Share(g_variant_builder_end(&builder));
  if (!spec.bootable) return metadata;

  CheckKernelDirectories(handle, tree, cancellable);
  auto dict = Shared<GVariantDict>::Take(g_variant_dict_new(metadata.get()));
  Try(ostree_commit_metadata_for_bootable, root, dict.get(), cancellable);
  return Shared<GVariant>::Share(g_variant_dict_end(dict.get()));
}

// What GENERATE_SIZES of libostree's commit modifier adds, last of all. As there, only archives have it.
Shared<GVariant> WithSizes(OstreeRepo* handle, const WrittenTree& tree, GVariant* metadata,
                           GCancellable* cancellable) {
  if (ostree_repo_get_mode(handle) != OSTREE_REPO_MODE_ARCHIVE) return Shared<GVariant>::Share(metadata);
  auto sizes = SizesOf(handle, tree.contents, tree.metadata, cancellable);
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  for (size_t i = 0; i < g_variant_n_children(metadata); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(metadata, i));
    g_variant_builder_add_value(&builder, entry.get());
  }
  g_variant_builder_add(&builder, "{sv}", kSizesKey, sizes.get());
  return Shared<GVariant>::Share(g_variant_builder_end(&builder));
}

// Refused before anything is read: a dictionary with the same key twice is a damaged one.
void CheckKeys(const CommitSpec& spec, GVariant* metadata) {
  if (!metadata) return;
  auto refuse = [metadata](bool is_made, const char* key, const char* option) {
    if (is_made && g_variant_lookup(metadata, key, "*", nullptr))
      throw Failure("INVALID_ARGUMENT", std::string("options.metadata has the key '") + key +
                                            "', which is also made by options." + option);
  };
  refuse(spec.version.has_value(), "version", "version");
  refuse(spec.bindings && !HasRefBinding(metadata, spec), OSTREE_COMMIT_META_KEY_REF_BINDING, "bindings");
  refuse(spec.generateSizes, kSizesKey, "generateSizes");
  refuse(spec.composefs, kComposefsDigestKey, "composefs");
}

bool IsUnchanged(OstreeRepo* handle, const Nullable<std::string>& parent, const WrittenTree& tree) {
  if (!parent) return false;
  auto root = LoadCommitRoot(handle, Checksum::FromHex(*parent), "");
  return root.contents == tree.contents && root.metadata == tree.metadata;
}

// ostree_repo_write_commit, ostree_repo_write_commit_with_time
std::string WriteCommitObject(OstreeRepo* handle, const CommitSpec& spec, const Nullable<std::string>& parent,
                              GVariant* metadata, GFile* root, GCancellable* cancellable) {
  if (parent) CheckChecksum(*parent, "parent");  // libostree aborts on anything else
  Owned<char> checksum;
  auto* parent_or_null = parent ? parent->c_str() : nullptr;
  auto* repo_file = OSTREE_REPO_FILE(root);
  if (spec.timestamp)
    Try(ostree_repo_write_commit_with_time, handle, parent_or_null, spec.subject.c_str(), spec.body.c_str(),
        metadata, repo_file, static_cast<guint64>(*spec.timestamp), Out(checksum), cancellable);
  else
    Try(ostree_repo_write_commit, handle, parent_or_null, spec.subject.c_str(), spec.body.c_str(), metadata,
        repo_file, Out(checksum), cancellable);
  return checksum.get();
}

}  // namespace

Nullable<std::string> ParentOf(OstreeRepo* handle, const CommitSpec& spec, GCancellable* cancellable) {
  if (!spec.branch) return spec.parent.value_or(Nullable<std::string>());
  auto head = ReadRef(handle, *spec.branch, cancellable);
  if (spec.parent && *spec.parent != head) throw RefConflict(*spec.branch, *spec.parent, head);
  return head;
}

std::vector<RefUpdate> UpdatesOf(const CommitSpec& spec, const Nullable<std::string>& parent,
                                 const CommitResult& result) {
  if (!spec.branch || !result.changed) return {};
  RefUpdate update;
  update.ref = *spec.branch;
  update.checksum = result.checksum;
  update.expected = parent;
  return {update};
}

void CommitStats::Add(const CommitStats& more) {
  contentObjects += more.contentObjects;
  contentWritten += more.contentWritten;
  bytesWritten += more.bytesWritten;
  metadataWritten += more.metadataWritten;
  cacheHits += more.cacheHits;
}

void CommitStats::Consume(Consumption* taken) {
  if (!taken) return;
  for (auto& path : taken->Remove()) {
    if (!leftBehind) leftBehind.emplace();
    leftBehind->push_back(ValidUtf8(path));
  }
}

CommitResult WriteCommit(OstreeRepo* handle, const CommitSpec& spec, const Nullable<std::string>& parent,
                         const CommitMetadata& given, Job& job) {
  auto* cancellable = job.cancellable();
  CheckKeys(spec, given.metadata.get());
  if (spec.composefs) RequireComposefsMetadata();
  auto tree = WriteTree(PlanOf(handle, spec, cancellable), handle, cancellable, ReporterOf(job));
  CommitResult result{
      "", true, tree.contents.Hex(), tree.metadata.Hex(), StatsOf(tree.stats), tree.consumption};
  if (spec.skipIfUnchanged && IsUnchanged(handle, parent, tree)) {
    result.checksum = *parent;
    result.changed = false;
    return result;
  }

  const auto& stats = tree.stats;
  ReportEngine(job, {"commit", stats.content_objects, stats.content_objects, stats.bytes_read});
  auto root = RootOf(handle, tree, cancellable);
  auto metadata = MetadataOf(handle, spec, given.metadata.get(), tree, root.get(), cancellable);
  if (spec.composefs) metadata = WithComposefsDigest(handle, tree, metadata.get(), root.get(), cancellable);
  if (spec.generateSizes) metadata = WithSizes(handle, tree, metadata.get(), cancellable);
  result.checksum = WriteCommitObject(handle, spec, parent, metadata.get(), root.get(), cancellable);
  result.stats.metadataWritten++;
  if (given.detached) WriteDetached(handle, result.checksum, given.detached.get(), cancellable);
  return result;
}

CommitMetadata NextCommitMetadata(Args& args) {
  auto next = [&args](const char* name) {
    auto value = args.Next();
    return value.IsUndefined() ? Shared<GVariant>() : MetadataFromJs(value, name);
  };
  auto metadata = next("metadata");
  auto detached = next("detachedMetadata");
  return {metadata, detached};
}

// ostree_repo_prepare_transaction, ostree_repo_write_commit, ostree_repo_transaction_set_ref,
// ostree_repo_commit_transaction
Napi::Value CommitCreate(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto spec = args.Next<CommitSpec>("spec");
  auto metadata = NextCommitMetadata(args);
  return Async(args, repo->BranchWork(spec.branch.value_or("")), [repo, spec, metadata](Job& job) {
    OpenTransaction transaction(*repo, spec.fsync, job.cancellable());
    auto* handle = transaction.handle();
    auto parent = ParentOf(handle, spec, job.cancellable());
    auto result = WriteCommit(handle, spec, parent, metadata, job);
    // Of a commit that is here in part, the unchanged tree may have what is missing: it is not to go unkept.
    if (result.changed || result.consumption)
      transaction.Commit(UpdatesOf(spec, parent, result), job.cancellable());
    result.stats.Consume(result.consumption.get());
    return result;
  });
}

}  // namespace ostree
