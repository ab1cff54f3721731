#include "object_verify.h"

#include "engine/batches.h"
#include "engine/file_check.h"
#include "engine/load_file.h"
#include "engine/load_metadata.h"
#include "engine/objects.h"
#include "objects.h"
#include "repo.h"

namespace ostree {
namespace {

// The size that a file says it has is not covered by its checksum, but readers believe it; so it is checked,
// too, and bounds what is inflated. Whatever cannot be told to be sound is refused.
class StrictVerifier {
 public:
  StrictVerifier(Shared<OstreeRepo> repo, uint64_t max_size, GCancellable* cancellable)
      : repo_(std::move(repo)), max_size_(max_size), cancellable_(cancellable) {}

  void Verify(const std::vector<ObjectId>& objects) {
    auto new_check = [this] { return std::make_unique<FileCheck>(repo_.get(), cancellable_); };
    RunInBatches(objects.size(), cancellable_, new_check,
                 [&](FileCheck& check, size_t i) { VerifyOne(objects[i], check); });
  }

 private:
  void VerifyOne(const ObjectId& object, FileCheck& check) const {
    auto hex = object.checksum.Hex();
    switch (object.type) {
      case OSTREE_OBJECT_TYPE_FILE:
        return VerifyFile(object, check);
      case OSTREE_OBJECT_TYPE_COMMIT_META:
        return VerifyDictionary(object, hex);
      default:
        auto loaded = LoadMetadata(repo_.get(), object.type, hex, cancellable_);
        if (auto actual = ChecksumOf(loaded.get()); actual != object.checksum)
          throw CorruptObject(object.type, hex, "actual checksum is " + actual.Hex());
    }
  }

  void VerifyFile(const ObjectId& object, FileCheck& check) const {
    auto hex = object.checksum.Hex();
    check.CheckLoadable(object.checksum);
    auto info = LoadFile(repo_.get(), hex, kFileInfo, cancellable_).info;
    if (info.size > max_size_)
      throw ObjectFailure("TOO_LARGE", object,
                          "It says it has " + std::to_string(info.size) + " bytes, more than the " +
                              std::to_string(max_size_) + " allowed");
    if (!check.IsSound(object.checksum, info.is_symlink() ? 0 : info.size))
      throw CorruptObject(object.type, hex, "its content is not what its name and its size say");
  }

  // Not named by its own checksum.
  void VerifyDictionary(const ObjectId& object, const std::string& hex) const {
    auto bytes = LoadMetadataBytes(repo_.get(), object.type, hex, cancellable_);
    auto value = Shared<GVariant>::Share(
        g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, bytes.get(), /* trusted */ FALSE));
    if (!g_variant_is_normal_form(value.get()))
      throw CorruptObject(object.type, hex, "not a dictionary of metadata");
  }

  const Shared<OstreeRepo> repo_;
  const uint64_t max_size_;
  GCancellable* const cancellable_;
};

}  // namespace

// What ostree_repo_fsck_object and ostree_validate_structureof_commit and its kin do, of each of several
// objects.
Napi::Value ObjectVerify(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto names = args.Next<std::vector<ObjectName>>("names");
  auto max_size = args.Next<uint64_t>("maxSize");
  return Async(args, repo->SharedWork("verifying objects"), [repo, names, max_size](Job& job) {
    std::vector<ObjectId> objects;
    for (const auto& name : names) {
      auto object = IdOf(name);
      if (object.type < OSTREE_OBJECT_TYPE_FILE || object.type > OSTREE_OBJECT_TYPE_COMMIT_META)
        throw Failure("NOT_SUPPORTED", "Objects of this type cannot be verified: " + name.type);
      objects.push_back(object);
    }
    StrictVerifier(repo->reader(), max_size, job.cancellable()).Verify(objects);
  });
}

}  // namespace ostree
