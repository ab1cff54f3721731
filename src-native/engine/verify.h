// Objects against the checksums that name them: what `ostree fsck` asks of each,
// by our own hashing and on all cores.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "engine/links.h"

namespace ostree {

struct BadObject {
  enum class Kind { kMissing, kCorrupt, kUnreadable };

  ObjectId object;
  Kind kind;
  std::string message;
};

class Verifier {
 public:
  struct Progress {
    uint64_t objects, bytes;
  };

  // Both are called by any thread: `on_progress` now and then.
  Verifier(OstreeRepo* repo, GCancellable* cancellable, std::function<void(Progress)> on_progress,
           std::function<void(const BadObject&)> on_bad = nullptr);

  // Any thread. A commit, dirtree or dirmeta: what was read, if it can be used. It can be even when it is
  // bad, as long as its structure is sound.
  Shared<GVariant> VerifyMetadata(const ObjectId& object);
  // The thread that owns this: content objects, on all cores.
  void VerifyFiles(const std::vector<Checksum>& files);

  Progress progress() const { return {objects_, bytes_}; }
  // Once all is verified.
  const std::vector<BadObject>& bad() const { return bad_; }

 private:
  void Count(uint64_t bytes);
  void Judge(const ObjectId& object);
  void Add(BadObject bad);

  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  const std::function<void(Progress)> on_progress_;
  const std::function<void(const BadObject&)> on_bad_;
  std::atomic<uint64_t> objects_ = 0, bytes_ = 0;
  std::mutex mutex_;
  std::vector<BadObject> bad_;
};

// libostree's own verdict on an object: empty when it is sound.
std::optional<BadObject> FsckObject(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable);

}  // namespace ostree
