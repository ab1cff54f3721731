#include "summary_cache.h"

#include <fcntl.h>

namespace ostree {

UnverifiedSummary::UnverifiedSummary(const Repo& repo, OstreeRepo* handle)
    : handle_(Shared<OstreeRepo>::Share(handle)),
      at_(repo.spec().cacheDir ? AT_FDCWD : ostree_repo_get_dfd(handle)),
      usual_(repo.spec().cacheDir.value_or("tmp/cache")) {
  // libostree keeps nothing then.
  if (!repo.spec().cacheDir && !ostree_repo_is_writable(handle, nullptr)) return;
  own_.emplace(at_, repo.spec().cacheDir.value_or("tmp") + "/summaries-");
  Try(ostree_repo_set_cache_dir, handle, at_, own_->path().c_str(), nullptr);
}

UnverifiedSummary::~UnverifiedSummary() {
  if (!own_) return;
  try {
    // Others may use the handle later.
    Try(ostree_repo_set_cache_dir, handle_.get(), at_, usual_.c_str(), nullptr);
  } catch (const Failure&) {
    // The handle then keeps what it can no longer write.
  }
}

}  // namespace ostree
