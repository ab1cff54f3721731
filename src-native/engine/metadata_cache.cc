#include "engine/metadata_cache.h"

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "core/forever.h"

namespace ostree {
namespace {

constexpr size_t kMostBytes = 16 << 20;
// A directory of 50,000 files. A larger one would push out everything else.
constexpr size_t kLargest = 4 << 20;
// What an entry takes beside the object.
constexpr size_t kOverhead = 512;

// The file in which the object is, and as what it was checked.
using Key = std::tuple<dev_t, ino_t, off_t, int64_t, int64_t, OstreeObjectType, std::string>;

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec; }

Key KeyOf(const struct stat& file, OstreeObjectType type, const std::string& checksum) {
  return {file.st_dev, file.st_ino, file.st_size, Nanoseconds(file.st_mtim), Nanoseconds(file.st_ctim),
          type,        checksum};
}

class Cache {
 public:
  Shared<GVariant> Find(const Key& key) {
    std::lock_guard lock(mutex_);
    auto found = places_.find(key);
    if (found == places_.end()) return {};
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->object;
  }

  void Add(const Key& key, const Shared<GVariant>& object) {
    auto size = g_variant_get_size(object.get());
    if (size > kLargest) return;
    std::lock_guard lock(mutex_);
    auto [place, is_new] = places_.try_emplace(key);
    if (!is_new) return;
    entries_.push_front({place, object, size + kOverhead});
    place->second = entries_.begin();
    bytes_ += entries_.front().bytes;
    while (bytes_ > kMostBytes) {
      bytes_ -= entries_.back().bytes;
      places_.erase(entries_.back().place);
      entries_.pop_back();
    }
  }

 private:
  struct Entry;
  using Places = std::map<Key, std::list<Entry>::iterator>;
  struct Entry {
    Places::iterator place;
    Shared<GVariant> object;
    size_t bytes;
  };

  std::mutex mutex_;
  Places places_;
  std::list<Entry> entries_;  // the last one used comes first
  size_t bytes_ = 0;
};

std::optional<struct stat> StatLoose(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum) {
  struct stat status;
  auto path = LoosePath(ostree_repo_get_mode(repo), type, checksum);
  if (fstatat(ostree_repo_get_dfd(repo), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return {};
  return status;
}

}  // namespace

Shared<GVariant> LoadMetadataCached(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                                    GCancellable* cancellable) {
  CheckChecksum(checksum);
  auto status = StatLoose(repo, type, checksum);
  if (!status) return LoadMetadata(repo, type, checksum, cancellable);
  auto key = KeyOf(*status, type, checksum);
  auto& cache = Forever<Cache>();
  if (auto known = cache.Find(key)) return known;
  auto object = LoadMetadata(repo, type, checksum, cancellable);
  cache.Add(key, object);
  return object;
}

}  // namespace ostree
