#include "delta_apply.h"

#include "core/hash.h"
#include "core/validate.h"
#include "delta_part.h"
#include "delta_staging.h"
#include "delta_superblock.h"
#include "engine/checksum.h"
#include "engine/links.h"
#include "open_transaction.h"
#include "parents.h"

namespace ostree {
namespace {

// A delta somewhere on the disk: its superblock in memory, and where its parts are.
struct DeltaSource {
  static constexpr napi_type_tag kTag = {0x4be7720c9f15d8a6, 0xb30a6d9e41c8f725};
  static constexpr const char* kName = "delta";
  static constexpr bool kDropOnJsThread = false;

  Superblock superblock;
  Fd directory;
};

struct OpenedDelta {
  std::shared_ptr<DeltaSource> handle;
  DeltaInfo info;

  void Fields(auto&& field) {
    field("handle", handle);
    field("info", info);
  }
};

OpenedDelta Load(Fd directory, const std::string& superblock) {
  auto source = std::make_shared<DeltaSource>();
  source->superblock = ParseSuperblock(ReadDeltaFile(directory.get(), superblock));
  source->directory = std::move(directory);
  return {source, source->superblock.info};
}

// The directory of a delta, or its superblock.
OpenedDelta LoadPath(const std::string& path) {
  CheckPath(path, "path");
  Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) return Load(std::move(directory), "superblock");
  if (errno != ENOTDIR) throw Failure::Errno("open", path);
  auto slash = path.rfind('/');
  auto parent = slash == path.npos ? "." : path.substr(0, slash + 1);
  return Load(Fd(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), path.substr(slash + 1));
}

OpenedDelta LoadName(OstreeRepo* repo, const std::string& text) {
  auto name = ParseDeltaName(text);
  if (!HasDelta(repo, name)) throw Failure("NOT_FOUND", "Can't find delta " + text);
  auto path = DeltaPath(name);
  Fd directory(openat(ostree_repo_get_dfd(repo), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) throw Failure::Errno("open", path);
  auto opened = Load(std::move(directory), "superblock");
  if (opened.info.name.name != text)
    throw Failure("CORRUPT", "In the place of delta " + text + " is " + opened.info.name.name);
  return opened;
}

std::string HashOf(GBytes* bytes) {
  gsize size = 0;
  auto* data = g_bytes_get_data(bytes, &size);
  Sha256 hash;
  hash.Update(data, size);
  return hash.Hex();
}

Bytes ToBytes(GBytes* bytes) {
  gsize size = 0;
  auto* data = static_cast<const uint8_t*>(g_bytes_get_data(bytes, &size));
  return Bytes(data, data + size);
}

void Write(const DeltaStaging& staged, const std::string& name, GBytes* bytes) {
  gsize size = 0;
  auto* data = g_bytes_get_data(bytes, &size);
  staged.Write(name, data, size);
}

// Each part against its checksum, and for what it makes libostree do. Of each that is a file calls
// keep(name, part) then.
template <class Keep>
void CheckParts(const DeltaSource& source, bool archive, std::optional<size_t> limit,
                GCancellable* cancellable, const Keep& keep) {
  const auto& parts = source.superblock.info.parts;
  for (size_t i = 0; i < parts.size(); i++) {
    auto objects = source.superblock.Objects(i);
    DeltaPartUse use{objects.get(), archive};
    if (limit) use.limit = std::min(use.limit, *limit);
    auto name = std::to_string(i);
    if (auto part = source.superblock.InlinePart(i)) {
      CheckDeltaPart(part, use, cancellable);
      continue;
    }
    auto part = ReadDeltaFile(source.directory.get(), name);
    if (HashOf(part.get()) != parts[i].checksum)
      throw Failure("CORRUPT", "Part " + name + " of the delta is not what its checksum says");
    CheckDeltaPart(part, use, cancellable);
    keep(name, part.get());
  }
}

// Copies what has been checked, so that libostree reads the very same: the superblock without signatures, for
// those have been looked at, and the parts.
void Stage(const DeltaSource& source, const DeltaStaging& staged, bool archive, GCancellable* cancellable) {
  Write(staged, "superblock", source.superblock.bytes.get());
  CheckParts(source, archive, {}, cancellable,
             [&staged](const std::string& name, GBytes* part) { Write(staged, name, part); });
}

void CheckApplicable(OstreeRepo* repo, const DeltaInfo& info) {
  if (!info.fallbacks.empty())
    throw Failure("NOT_SUPPORTED",
                  "The delta leaves " + std::to_string(info.fallbacks.size()) +
                      " objects to be fetched one by one, which only a pull does; generate it with "
                      "minFallbackSize 0");
  if (!info.name.from) return;
  if (HasArchiveAbove(repo))
    throw Failure(
        "NOT_SUPPORTED",
        "In a bare repository whose parent is an archive, no delta between two commits can be applied");
  LoadMetadata(repo, {OSTREE_OBJECT_TYPE_COMMIT, Checksum::FromHex(*info.name.from)});
}

// core.sign-verify-deltas
bool WantsSignature(OstreeRepo* repo) {
  Owned<GError> error;
  return g_key_file_get_boolean(ostree_repo_get_config(repo), "core", "sign-verify-deltas", Out(error));
}

}  // namespace

// What the command's `static-delta show` prints
Napi::Value DeltaRead(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  return Async(args, repo->ReadWork(), [repo, name](Job&) { return LoadName(repo->reader().get(), name); });
}

// The directory or the superblock at a path
Napi::Value DeltaOpen(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto path = args.Next<std::string>("path");
  return Async(args, repo->ReadWork(), [path](Job&) { return LoadPath(path); });
}

// What is checked before ostree_repo_static_delta_execute_offline
Napi::Value DeltaCheck(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto source = args.Handle<DeltaSource>("delta");
  auto limit = args.Next<uint64_t>("limit");
  return Async(args, repo->SharedWork("checking a delta"), [source, limit](Job& job) {
    CheckParts(*source, /* archive */ false, limit, job.cancellable(), [](const std::string&, GBytes*) {});
  });
}

// As ostree_repo_static_delta_verify_signature
Napi::Value DeltaSigned(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto source = args.Handle<DeltaSource>("delta");
  return Async(args, repo->ReadWork(), [source](Job&) {
    const auto& superblock = source->superblock;
    auto* bytes = superblock.bytes.get();
    return SignedData{HashOf(bytes), ToBytes(bytes), superblock.signatures};
  });
}

// ostree_repo_static_delta_execute_offline
Napi::Value DeltaApply(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto source = args.Handle<DeltaSource>("delta");
  auto verified = args.Next<bool>("verified");
  return Async(args, repo->SharedWork("applying a delta"), [repo, source, verified](Job& job) {
    OpenTransaction transaction(*repo, {}, job.cancellable());
    auto* handle = transaction.handle();
    if (!verified && WantsSignature(handle))
      throw Failure("SIGNATURE",
                    "core.sign-verify-deltas is set: a delta is applied only when it is verified");
    CheckApplicable(handle, source->superblock.info);
    DeltaStaging staged(OpenTemporary(handle));
    bool archive = ostree_repo_get_mode(handle) == OSTREE_REPO_MODE_ARCHIVE;
    Stage(*source, staged, archive, job.cancellable());
    auto path = Shared<GFile>::Take(g_file_new_for_path(staged.PathOf("").c_str()));
    Try(ostree_repo_static_delta_execute_offline, handle, path.get(), /* trusted */ FALSE, job.cancellable());
    transaction.Commit({}, job.cancellable());
  });
}

}  // namespace ostree
