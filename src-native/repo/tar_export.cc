#include "tar_export.h"

#include "core/archive.h"
#include "core/byte_channel.h"
#include "engine/objects.h"
#include "engine/tree_check.h"
#include "repo.h"
#include "rev.h"

namespace ostree {
namespace {

// As the command's output: in the end filled up to whole blocks of this size.
constexpr int kTarBlock = 10240;
constexpr int kWriteBlock = 26 * kTarBlock;
constexpr size_t kMaxDepth = 500;  // what libostree's recursion, 8 KiB a level, has stack for

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
        archive_(library_.write_new(), library_.write_free) {
    Check(library_.write_set_format_gnutar(get()));
    Check(library_.write_add_filter_none(get()));
    Check(library_.write_set_bytes_per_block(get(), kWriteBlock));
    Check(library_.write_set_bytes_in_last_block(get(), kTarBlock));
    Check(library_.write_open(get(), this, nullptr, OnWrite, nullptr));
  }
  TarWriter(const TarWriter&) = delete;

  archive* get() const { return archive_.get(); }
  void Close() { Check(library_.write_close(get())); }
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
    if (result != kArchiveOk) throw Failure("FAILED", library_.Error(get()));
  }

  const ArchiveLibrary& library_;
  ByteChannel& channel_;
  GCancellable* const cancellable_;
  std::exception_ptr error_;
  const OwnedArchive archive_;  // goes first: it still writes what is left
};

// The objects that are exported, once they are fit for libostree to read; it aborts where `subpath` is no
// directory.
TreeObjects CheckTree(OstreeRepo* repo, TreeCheck& check, const Checksum& commit,
                      const std::string& subpath) {
  check.Load({check.Commit(commit)->root.contents});
  auto root = LoadCommitRoot(repo, commit, subpath.empty() ? "" : "/" + subpath);
  if (check.graph().Measure({root.contents}).depth > kMaxDepth + 1)
    throw Failure("NOT_SUPPORTED",
                  "Directories more than " + std::to_string(kMaxDepth) + " levels deep cannot be exported");
  TreeObjects objects;
  check.graph().Collect({root.contents, root.metadata}, objects);
  check.CheckDirectoryMetadata(objects.dirmetas);
  return objects;
}

// ostree_repo_export_tree_to_archive
void Export(OstreeRepo* repo, const std::string& rev, const ExportOptions& options, ByteChannel& channel,
            GCancellable* cancellable) {
  Utf8Locale utf8;
  TarWriter writer(channel, cancellable);
  auto commit = ResolveRev(repo, rev);
  OstreeRepoExportArchiveOptions how = {};
  how.disable_xattrs = !options.xattrs;
  TreeCheck check(repo, TreeCheck::Missing::kFails, cancellable);
  auto files = CheckTree(repo, check, Checksum::FromHex(commit), options.subpath).files;
  CheckFiles(repo, files, cancellable);
  how.timestamp_secs = check.Commit(Checksum::FromHex(commit))->timestamp;
  how.path_prefix = options.prefix.empty() ? nullptr : const_cast<char*>(options.prefix.c_str());
  Shared<GFile> root;
  Try(ostree_repo_read_commit, repo, commit.c_str(), Out(root), nullptr, cancellable);
  if (!options.subpath.empty())
    root = Shared<GFile>::Take(g_file_resolve_relative_path(root.get(), options.subpath.c_str()));
  try {
    Try(ostree_repo_export_tree_to_archive, repo, &how, OSTREE_REPO_FILE(root.get()),
        static_cast<void*>(writer.get()), cancellable);
  } catch (const Failure& failure) {
    writer.CheckWrites();
    ThrowIfDamaged(failure, repo, files, cancellable);
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
