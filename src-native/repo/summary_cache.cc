#include "summary_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace ostree {

UnverifiedSummary::UnverifiedSummary(const Repo& repo, OstreeRepo* handle, std::string remote)
    : remote_(std::move(remote)),
      directory_(repo.spec().cacheDir.value_or("tmp/cache") + "/summaries/"),
      at_(repo.spec().cacheDir ? AT_FDCWD : ostree_repo_get_dfd(handle)) {
  for (const char* suffix : {"", ".sig"}) Forget(suffix);
}

UnverifiedSummary::~UnverifiedSummary() {
  for (const char* suffix : {"", ".sig"}) try {
      Forget(suffix);
    } catch (const Failure&) {
      // It could be removed a moment ago; the next one will try again.
    }
}

void UnverifiedSummary::Forget(const char* suffix) const {
  auto path = directory_ + remote_ + suffix;
  if (unlinkat(at_, path.c_str(), 0) < 0 && errno != ENOENT) throw Failure::Errno("unlinkat", path);
}

}  // namespace ostree
