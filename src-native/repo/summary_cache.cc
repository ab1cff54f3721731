#include "summary_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "engine/remove_tree.h"

namespace ostree {
namespace {

// Makes a directory that nobody else has; the result is its path.
std::string MakeOwn(int at, const std::string& parent) {
  for (;;) {
    auto path = parent + "/summaries-" + std::to_string(g_random_int());
    if (mkdirat(at, path.c_str(), 0755) == 0) return path;
    if (errno != EEXIST) throw Failure::Errno("mkdirat", path);
  }
}

}  // namespace

UnverifiedSummary::UnverifiedSummary(const Repo& repo, OstreeRepo* handle)
    : handle_(Shared<OstreeRepo>::Share(handle)),
      at_(repo.spec().cacheDir ? AT_FDCWD : ostree_repo_get_dfd(handle)),
      usual_(repo.spec().cacheDir.value_or("tmp/cache")) {
  // libostree keeps nothing then.
  if (!repo.spec().cacheDir && !ostree_repo_is_writable(handle, nullptr)) return;
  own_ = MakeOwn(at_, repo.spec().cacheDir.value_or("tmp"));
  try {
    Try(ostree_repo_set_cache_dir, handle, at_, own_.c_str(), nullptr);
  } catch (const Failure&) {
    Remove();
    throw;
  }
}

UnverifiedSummary::~UnverifiedSummary() {
  if (own_.empty()) return;
  try {
    // Others may use the handle later.
    Try(ostree_repo_set_cache_dir, handle_.get(), at_, usual_.c_str(), nullptr);
  } catch (const Failure&) {
    // The handle then keeps what it can no longer write.
  }
  Remove();
}

// What stays in tmp/ libostree tidies itself.
void UnverifiedSummary::Remove() const {
  try {
    RemoveTree(
        at_, own_, [this] { return own_; }, nullptr);
  } catch (const Failure&) {
    g_debug("%s was not removed", own_.c_str());
  }
}

}  // namespace ostree
