#include "summary_cache.h"

#include <sys/stat.h>

#include <cerrno>

#include "engine/remove_tree.h"

namespace ostree {

UnverifiedSummary::UnverifiedSummary(const Repo& repo, OstreeRepo* handle)
    : handle_(Shared<OstreeRepo>::Share(handle)), cache_dir_(repo.spec().cacheDir) {
  // libostree has no cache of its own then.
  if (!cache_dir_ && !ostree_repo_is_writable(handle, nullptr)) return;
  int directory = ostree_repo_get_dfd(handle);
  do {
    name_ = "tmp/summaries-" + std::to_string(g_random_int());
  } while (mkdirat(directory, name_.c_str(), 0755) < 0 && errno == EEXIST);
  Try(ostree_repo_set_cache_dir, handle, directory, name_.c_str(), nullptr);
}

UnverifiedSummary::~UnverifiedSummary() {
  if (name_.empty()) return;
  auto* handle = handle_.get();
  int directory = ostree_repo_get_dfd(handle);
  try {
    // Others may use the handle later.
    Try(ostree_repo_set_cache_dir, handle, cache_dir_ ? AT_FDCWD : directory,
        cache_dir_ ? cache_dir_->c_str() : "tmp/cache", nullptr);
    RemoveTree(
        directory, name_, [this] { return name_; }, nullptr);
  } catch (const Failure&) {
    // libostree tidies tmp/ itself.
  }
}

}  // namespace ostree
