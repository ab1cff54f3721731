#include "parents.h"

#include <sys/stat.h>

#include <set>

#include "core/failure.h"

namespace ostree {
namespace {

constexpr size_t kMostParents = 64;

// Empty: there is none, or it cannot be told; opening the repository says why.
std::string ParentOf(const std::string& path) {
  Owned<GKeyFile> config(g_key_file_new());
  if (!g_key_file_load_from_file(config.get(), (path + "/config").c_str(), G_KEY_FILE_NONE, nullptr))
    return {};
  Owned<char> parent(g_key_file_get_value(config.get(), "core", "parent", nullptr));
  return parent ? parent.get() : "";
}

}  // namespace

void CheckParents(const std::string& path, const std::string& child) {
  std::set<std::pair<dev_t, ino_t>> seen;
  struct stat st;
  if (!child.empty() && stat(child.c_str(), &st) == 0) seen.insert({st.st_dev, st.st_ino});
  for (auto at = path; !at.empty(); at = ParentOf(at)) {
    if (stat(at.c_str(), &st) < 0) return;
    if (seen.insert({st.st_dev, st.st_ino}).second && seen.size() <= kMostParents) continue;
    Failure failure(
        "CORRUPT", "opening repo: it has more than 64 parents (core.parent), or they lead round in a circle");
    failure.path = path;
    throw failure;
  }
}

bool HasArchiveAbove(OstreeRepo* repo) {
  for (bool bare = false; repo; repo = ostree_repo_get_parent(repo)) {
    bool archive = ostree_repo_get_mode(repo) == OSTREE_REPO_MODE_ARCHIVE;
    if (bare && archive) return true;
    bare |= !archive;
  }
  return false;
}

}  // namespace ostree
