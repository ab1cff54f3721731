#include "engine/devino.h"

#include "engine/loose.h"

namespace ostree {
namespace {

bool IsFileOf(OstreeRepo* repo, const Checksum& object, const DevIno& file) {
  for (; repo; repo = ostree_repo_get_parent(repo)) {
    struct stat status;
    auto path = LoosePath(ostree_repo_get_mode(repo), OSTREE_OBJECT_TYPE_FILE, object.Hex());
    if (fstatat(ostree_repo_get_dfd(repo), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      return DevIno::Of(status) == file;
  }
  return false;
}

}  // namespace

void DevInoCache::Add(const struct stat& status, const Checksum& object) {
  std::lock_guard lock(mutex_);
  objects_[DevIno::Of(status)] = object;
}

std::optional<Checksum> DevInoCache::Find(OstreeRepo* repo, const struct stat& status) {
  auto file = DevIno::Of(status);
  Checksum object;
  {
    std::lock_guard lock(mutex_);
    auto found = objects_.find(file);
    if (found == objects_.end()) return std::nullopt;
    object = found->second;
  }
  if (!IsFileOf(repo, object, file)) return std::nullopt;
  return object;
}

size_t DevInoCache::size() {
  std::lock_guard lock(mutex_);
  return objects_.size();
}

void DevInoCache::Clear() {
  std::lock_guard lock(mutex_);
  objects_.clear();
}

}  // namespace ostree
