#include "engine/verify.h"

#include <cerrno>

#include "engine/batches.h"
#include "engine/file_check.h"
#include "engine/objects.h"

namespace ostree {
namespace {

constexpr uint64_t kReportEvery = 64;  // objects

// Which says nothing of the object.
bool IsWantOfDescriptors(const Failure& failure) {
  return failure.message.find(g_strerror(EMFILE)) != std::string::npos ||
         failure.message.find(g_strerror(ENFILE)) != std::string::npos;
}

}  // namespace

std::optional<BadObject> FsckObject(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable) {
  try {
    if (object.type == OSTREE_OBJECT_TYPE_FILE) FileCheck(repo, cancellable).CheckLoadable(object.checksum);
    Try(ostree_repo_fsck_object, repo, object.type, object.checksum.Hex().c_str(), cancellable);
    return std::nullopt;
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED") || IsWantOfDescriptors(failure)) throw;
    auto kind = failure.Is("NOT_FOUND")           ? BadObject::Kind::kMissing
                : failure.Is("PERMISSION_DENIED") ? BadObject::Kind::kUnreadable
                                                  : BadObject::Kind::kCorrupt;
    return BadObject{object, kind, failure.message};
  }
}

Verifier::Verifier(OstreeRepo* repo, GCancellable* cancellable, std::function<void(Progress)> on_progress,
                   std::function<void(const BadObject&)> on_bad)
    : repo_(repo),
      cancellable_(cancellable),
      on_progress_(std::move(on_progress)),
      on_bad_(std::move(on_bad)) {}

void Verifier::Count(uint64_t bytes) {
  bytes_ += bytes;
  if (++objects_ % kReportEvery == 0) on_progress_(progress());
}

void Verifier::Add(BadObject bad) {
  if (on_bad_) on_bad_(bad);
  {
    std::lock_guard lock(mutex_);
    bad_.push_back(std::move(bad));
  }
  on_progress_(progress());
}

// Our own check only finds suspects. Whether one is bad, and what is to be said about it, libostree decides.
void Verifier::Judge(const ObjectId& object) {
  if (auto bad = FsckObject(repo_, object, cancellable_)) Add(std::move(*bad));
}

Shared<GVariant> Verifier::VerifyMetadata(const ObjectId& object) {
  try {
    auto loaded = LoadMetadata(repo_, object);
    Count(g_variant_get_size(loaded.get()));
    if (ChecksumOf(loaded.get()) != object.checksum) Judge(object);
    return loaded;
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED")) throw;
    Count(0);
    auto bad = FsckObject(repo_, object, cancellable_);
    if (!bad && !failure.Is("CORRUPT")) throw;
    // libostree lets pass what is not in normal form; nothing can be done with it all the same.
    Add(bad ? std::move(*bad) : BadObject{object, BadObject::Kind::kCorrupt, failure.message});
    return {};
  }
}

void Verifier::VerifyFiles(const std::vector<Checksum>& files) {
  auto new_check = [this] { return std::make_unique<FileCheck>(repo_, cancellable_); };
  RunInBatches(files.size(), cancellable_, new_check, [&](FileCheck& check, size_t i) {
    bool sound = check.IsSound(files[i]);
    Count(check.TakeBytes());
    if (!sound) Judge({OSTREE_OBJECT_TYPE_FILE, files[i]});
  });
}

}  // namespace ostree
