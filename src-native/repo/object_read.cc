#include "object_read.h"

#include <sys/stat.h>

#include "core/hash.h"
#include "core/variant.h"
#include "engine/disk_file.h"
#include "engine/file_check.h"
#include "engine/load_metadata.h"
#include "engine/names.h"
#include "engine/objects.h"
#include "engine/verify.h"
#include "file_read.h"
#include "objects.h"
#include "repo.h"
#include "xattrs.h"

namespace ostree {
namespace {

struct NamedFile {
  std::string name, checksum;

  void Fields(auto&& field) {
    field("name", name);
    field("checksum", checksum);
  }
};

struct NamedDirectory {
  std::string name, contentsChecksum, metadataChecksum;

  void Fields(auto&& field) {
    field("name", name);
    field("contentsChecksum", contentsChecksum);
    field("metadataChecksum", metadataChecksum);
  }
};

// The parts that an object of its type has.
struct ObjectParts {
  std::optional<Bytes> data;  // of metadata, as it is stored
  std::optional<std::vector<NamedFile>> files;
  std::optional<std::vector<NamedDirectory>> directories;
  std::optional<uint32_t> mode, uid, gid;
  std::optional<std::string> target;
  std::optional<std::vector<Xattr>> xattrs;
  std::optional<Metadata> metadata;
  std::optional<FileContent> content;

  void Fields(auto&& field) {
    field("data", data);
    field("files", files);
    field("directories", directories);
    field("mode", mode);
    field("uid", uid);
    field("gid", gid);
    field("target", target);
    field("xattrs", xattrs);
    field("metadata", metadata);
    field("content", content);
  }
  void SetOwner(const Owner& owner, GVariant* attributes) {
    mode = owner.mode;
    uid = owner.uid;
    gid = owner.gid;
    xattrs = XattrList(attributes);
  }
};

struct ReadObjectOptions {
  uint64_t maxSize = UINT64_MAX;
  bool verify = true;
  bool variants = false;  // metadata is to be kept as Variants

  void Fields(auto&& field) {
    field("maxSize", maxSize);
    field("verify", verify);
    field("variants", variants);
  }
};

class ObjectReader {
 public:
  ObjectReader(Shared<OstreeRepo> repo, const ObjectId& object, const ReadObjectOptions& options,
               GCancellable* cancellable)
      : repo_(std::move(repo)),
        object_(object),
        hex_(object.checksum.Hex()),
        options_(options),
        cancellable_(cancellable) {}

  ObjectParts Read() const {
    switch (object_.type) {
      case OSTREE_OBJECT_TYPE_FILE:
        return ReadFile();
      case OSTREE_OBJECT_TYPE_DIR_TREE:
      case OSTREE_OBJECT_TYPE_DIR_META:
      case OSTREE_OBJECT_TYPE_COMMIT:
        return ReadMetadata();
      case OSTREE_OBJECT_TYPE_COMMIT_META:
      case OSTREE_OBJECT_TYPE_TOMBSTONE_COMMIT:
        return ReadDictionary();
      default:
        throw Failure("NOT_SUPPORTED", "Objects of this type cannot be read: " + NameOf(object_).type);
    }
  }

 private:
  ObjectParts ReadFile() const {
    if (options_.verify && !FileCheck(repo_.get(), cancellable_).IsSound(object_.checksum))
      if (auto bad = FsckObject(repo_.get(), object_, cancellable_)) throw FailureOf(*bad);
    auto file = LoadFile(repo_.get(), hex_, kFileXattrs | kFileStream, cancellable_);
    const auto& info = file.info;
    ObjectParts parts;
    parts.SetOwner({info.uid, info.gid, info.mode}, file.xattrs.get());
    if (info.is_symlink()) {
      parts.target = ValidUtf8(info.target);
      return parts;
    }
    if (info.size > options_.maxSize)
      throw ObjectFailure("TOO_LARGE", object_,
                          "It has " + std::to_string(info.size) + " bytes, more than the " +
                              std::to_string(options_.maxSize) + " allowed");
    parts.content = ReadContent(std::make_shared<OpenFile>(hex_, std::move(file)), cancellable_);
    return parts;
  }

  Failure FailureOf(const BadObject& bad) const {
    if (bad.kind == BadObject::Kind::kCorrupt) return CorruptObject(object_.type, hex_, bad.message);
    bool is_missing = bad.kind == BadObject::Kind::kMissing;
    return ObjectFailure(is_missing ? "NOT_FOUND" : "PERMISSION_DENIED", object_, bad.message);
  }

  ObjectParts ReadMetadata() const {
    auto object = LoadMetadata(repo_.get(), object_.type, hex_, cancellable_);
    if (auto actual = ChecksumOf(object.get()); options_.verify && actual != object_.checksum)
      throw CorruptObject(object_.type, hex_, "actual checksum is " + actual.Hex());
    ObjectParts parts;
    parts.data = BytesOf(g_variant_get_data(object.get()), g_variant_get_size(object.get()));
    if (object_.type == OSTREE_OBJECT_TYPE_DIR_META) {
      auto meta = ParseDirMeta(object.get());
      parts.SetOwner(meta.owner, meta.xattrs.get());
    } else if (object_.type == OSTREE_OBJECT_TYPE_DIR_TREE) {
      auto contents = ParseDirContents(object.get());
      parts.files.emplace();
      for (const auto& file : contents.files) parts.files->push_back({file.name, file.checksum.Hex()});
      parts.directories.emplace();
      for (const auto& dir : contents.dirs)
        parts.directories->push_back({dir.name, dir.contents.Hex(), dir.metadata.Hex()});
    }
    return parts;
  }

  // An a{sv}, which is not named by its own checksum.
  ObjectParts ReadDictionary() const {
    auto bytes = LoadMetadataBytes(repo_.get(), object_.type, hex_, cancellable_);
    auto value = Shared<GVariant>::Share(
        g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, bytes.get(), /* trusted */ FALSE));
    if (!g_variant_is_normal_form(value.get()))
      throw CorruptObject(object_.type, hex_, "not a dictionary of metadata");
    ObjectParts parts;
    parts.data = BytesOf(g_bytes_get_data(bytes.get(), nullptr), g_bytes_get_size(bytes.get()));
    parts.metadata = Metadata{value, options_.variants ? VariantMode::kKeep : VariantMode::kPlain};
    return parts;
  }

  static Bytes BytesOf(const void* data, size_t size) {
    auto* begin = static_cast<const uint8_t*>(data);
    return size ? Bytes(begin, begin + size) : Bytes();
  }

  const Shared<OstreeRepo> repo_;
  const ObjectId object_;
  const std::string hex_;
  const ReadObjectOptions& options_;
  GCancellable* const cancellable_;
};

}  // namespace

// ostree_repo_load_file, ostree_repo_load_variant, ostree_repo_fsck_object
Napi::Value ObjectRead(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<ObjectName>("name");
  auto options = args.Next<ReadObjectOptions>("options");
  // A file is hashed as a whole before it is read.
  auto executor = name.type == "file" ? repo->SharedWork("reading an object") : repo->ReadWork();
  return Async(args, executor, [repo, name, options](Job& job) {
    return ObjectReader(repo->reader(), IdOf(name), options, job.cancellable()).Read();
  });
}

// ostree_checksum_file_at
Napi::Value ChecksumFile(const Napi::CallbackInfo& info) {
  Args args(info);
  auto path = args.Next<std::string>("path");
  auto with_xattrs = args.Next<bool>("xattrs");
  auto is_metadata = args.Next<bool>("isMetadata");
  return Async(args, OwnThread(), [path, with_xattrs, is_metadata](Job& job) {
    DiskPlace place{AT_FDCWD, path.c_str(), [&path] { return path; }};
    DiskHasher hasher(with_xattrs, {}, job.cancellable());
    // A metadata object is named by the checksum of its bytes alone.
    if (is_metadata) {
      if (!S_ISREG(LookAtFile(place, {}).owner.mode))
        throw PathFailure("INVALID_ARGUMENT", "Not a regular file", path);
      return hasher.HashContent(place, "").Hex();
    }
    auto hashed = hasher.Hash(place);
    CheckTarget(hashed.file.target, place.path);
    return hashed.checksum.Hex();
  });
}

}  // namespace ostree
