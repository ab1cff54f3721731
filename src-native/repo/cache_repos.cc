#include "cache_repos.h"

#include <memory>

#include "core/failure.h"
#include "engine/batches.h"
#include "engine/file_check.h"
#include "engine/object_list.h"

namespace ostree {
namespace {

bool IsHere(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable) {
  gboolean is_here = FALSE;
  Try(ostree_repo_has_object, repo, object.type, object.checksum.Hex().c_str(), &is_here, cancellable);
  return is_here;
}

bool IsStructure(OstreeObjectType type) {
  return type == OSTREE_OBJECT_TYPE_COMMIT || type == OSTREE_OBJECT_TYPE_DIR_TREE ||
         type == OSTREE_OBJECT_TYPE_DIR_META;
}

// Fails at the first object that libostree must not read: it is CORRUPT, or NOT_SUPPORTED where it lies. What
// is not trusted libostree checks by itself, but for what stands before the content of a file.
void CheckCache(OstreeRepo* cache, OstreeRepo* repo, bool is_trusted, GCancellable* cancellable) {
  bool checks_files = FileCheck::IsNeeded(cache);
  if (!checks_files && !is_trusted) return;
  auto new_check = [&] { return std::make_unique<FileCheck>(cache, cancellable); };
  RunInBatches(kObjectDirectories, cancellable, new_check, [&](FileCheck& check, size_t directory) {
    for (const auto& object : ListObjects(cache, static_cast<unsigned>(directory), cancellable)) {
      ThrowIfCancelled(cancellable);
      bool is_file = object.type == OSTREE_OBJECT_TYPE_FILE;
      bool is_checked = is_file ? checks_files : is_trusted && IsStructure(object.type);
      if (!is_checked || IsHere(repo, object, cancellable)) continue;
      if (is_file)
        check.CheckLoadable(object.checksum);
      else
        LoadMetadata(cache, object);
    }
  });
}

}  // namespace

PullOptions WithoutDamagedCaches(PullOptions options, OstreeRepo* repo, GCancellable* cancellable) {
  if (options.from_file()) return options;  // libostree asks nobody else then
  std::erase_if(options.localCacheRepos, [&](const std::string& path) {
    auto file = Shared<GFile>::Take(g_file_new_for_path(path.c_str()));
    auto cache = Shared<OstreeRepo>::Take(ostree_repo_new(file.get()));
    Try(ostree_repo_open, cache.get(), cancellable);
    try {
      CheckCache(cache.get(), repo, options.trusted, cancellable);
      return false;
    } catch (const Failure& failure) {
      // An object that was pruned meanwhile is no damage, but a cache that is being pruned is of no use
      // either.
      for (const char* code : {"CORRUPT", "NOT_FOUND", "NOT_SUPPORTED"})
        if (failure.Is(code)) return true;
      throw;
    }
  });
  return options;
}

}  // namespace ostree
