#include "tar_export.h"

#include "core/archive.h"
#include "core/byte_channel.h"
#include "engine/batches.h"
#include "engine/objects.h"
#include "engine/tree_graph.h"
#include "repo.h"
#include "rev.h"

namespace ostree {
namespace {

// As the command's output: in the end filled up to whole blocks of this size.
constexpr int kTarBlock = 10240;
constexpr int kWriteBlock = 26 * kTarBlock;
constexpr size_t kMaxDepth = 500;

struct ExportOptions {
  std::string subpath, prefix;
  bool xattrs = true;

  void Fields(auto&& field) {
    field("subpath", subpath);
    field("prefix", prefix);
    field("xattrs", xattrs);
  }
};

// An archive that is written to a channel.
class TarWriter {
 public:
  TarWriter(ByteChannel& channel, GCancellable* cancellable)
      : library_(LoadArchiveLibrary()),
        channel_(channel),
        cancellable_(cancellable),
        archive_(library_.write_new()) {
    Check(library_.write_set_format_gnutar(archive_));
    Check(library_.write_add_filter_none(archive_));
    Check(library_.write_set_bytes_per_block(archive_, kWriteBlock));
    Check(library_.write_set_bytes_in_last_block(archive_, kTarBlock));
    Check(library_.write_open(archive_, this, nullptr, OnWrite, nullptr));
  }
  ~TarWriter() { library_.write_free(archive_); }
  TarWriter(const TarWriter&) = delete;

  archive* get() const { return archive_; }
  void Close() { Check(library_.write_close(archive_)); }
  // Throws what a write has thrown; to libarchive it was only some failure.
  void CheckWrites() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  static ssize_t OnWrite(archive*, void* data, const void* buffer, size_t size) {
    auto* self = static_cast<TarWriter*>(data);
    if (self->error_) return -1;  // it closes, and would write what is left
    try {
      self->channel_.Write(buffer, size, self->cancellable_);
      return static_cast<ssize_t>(size);
    } catch (const Failure&) {
      self->error_ = std::current_exception();
      return -1;
    }
  }
  void Check(int result) const {
    CheckWrites();
    if (result != kArchiveOk) throw Failure("FAILED", library_.Error(archive_));
  }

  const ArchiveLibrary& library_;
  ByteChannel& channel_;
  GCancellable* const cancellable_;
  archive* const archive_;
  std::exception_ptr error_;
};

// Throws where a directory is deeper down than libostree's recursion, 8 KiB a level, has stack for.
void CheckDepth(const TreeGraph& graph, const Checksum& root) {
  std::unordered_set<Checksum> level{root};
  for (size_t depth = 0; !level.empty(); depth++) {
    if (depth > kMaxDepth)
      throw Failure("NOT_SUPPORTED",
                    "Directories more than " + std::to_string(kMaxDepth) + " levels deep cannot be exported");
    std::unordered_set<Checksum> next;
    for (const auto& dir : level)
      for (const auto& child : graph.Find(dir)->dirs) next.insert(child.contents);
    level = std::move(next);
  }
}

// libostree trusts what it reads of directories, and aborts where `subpath` is none. Returns the commit's
// time.
uint64_t CheckTree(OstreeRepo* repo, const std::string& commit, const std::string& subpath,
                   GCancellable* cancellable) {
  auto checksum = Checksum::FromHex(commit);
  auto links = ParseCommit(LoadVerified(repo, {OSTREE_OBJECT_TYPE_COMMIT, checksum}).get());
  TreeGraph graph;
  auto read = [repo](const Checksum& dirtree) -> std::optional<TreeLinks> {
    return ParseDirTree(LoadVerified(repo, {OSTREE_OBJECT_TYPE_DIR_TREE, dirtree}).get());
  };
  graph.Load({links.root.contents}, read, cancellable);
  auto root = LoadCommitRoot(repo, checksum, subpath.empty() ? "" : "/" + subpath);
  CheckDepth(graph, root.contents);
  TreeObjects objects;
  graph.Collect({root.contents, root.metadata}, objects);
  std::vector<Checksum> dirmetas(objects.dirmetas.begin(), objects.dirmetas.end());
  RunInBatches(dirmetas.size(), cancellable, [&](size_t i) {
    LoadVerified(repo, {OSTREE_OBJECT_TYPE_DIR_META, dirmetas[i]});
  });
  return links.timestamp;
}

// ostree_repo_export_tree_to_archive
void Export(OstreeRepo* repo, const std::string& rev, const ExportOptions& options, ByteChannel& channel,
            GCancellable* cancellable) {
  Utf8Locale utf8;
  TarWriter writer(channel, cancellable);
  auto commit = ResolveRev(repo, rev);
  OstreeRepoExportArchiveOptions how = {};
  how.disable_xattrs = !options.xattrs;
  how.timestamp_secs = CheckTree(repo, commit, options.subpath, cancellable);
  how.path_prefix = options.prefix.empty() ? nullptr : const_cast<char*>(options.prefix.c_str());
  Shared<GFile> root;
  Try(ostree_repo_read_commit, repo, commit.c_str(), Out(root), nullptr, cancellable);
  if (!options.subpath.empty())
    root = Shared<GFile>::Take(g_file_resolve_relative_path(root.get(), options.subpath.c_str()));
  try {
    Try(ostree_repo_export_tree_to_archive, repo, &how, OSTREE_REPO_FILE(root.get()),
        static_cast<void*>(writer.get()), cancellable);
  } catch (const Failure&) {
    writer.CheckWrites();
    throw;
  }
  writer.Close();
}

}  // namespace

// ostree_repo_export_tree_to_archive
Napi::Value TarExport(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto options = args.Next<ExportOptions>("options");
  auto channel = args.Handle<ByteChannel>("channel");
  return Async(args, repo->SharedWork("exporting a tar"), [repo, rev, options, channel](Job& job) {
    auto close = std::shared_ptr<void>(nullptr, [&channel](void*) { channel->Close(); });
    auto subpath = "/" + options.subpath + "/";
    for (auto part : {"/./", "/../", "//"})
      if (!options.subpath.empty() && subpath.find(part) != subpath.npos)
        throw Failure("INVALID_ARGUMENT", "Not a path in a tree: " + options.subpath);
    Export(repo->OpenWriter(job.cancellable()).get(), rev, options, *channel, job.cancellable());
  });
}

}  // namespace ostree
