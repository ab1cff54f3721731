#include "prune_tally.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "core/entries.h"
#include "delta_staging.h"
#include "prune_sweep.h"

namespace ostree {
namespace {

// Of a file in the repository; 0 when it is not there.
uint64_t FileSize(OstreeRepo* repo, const std::string& path) {
  struct stat st;
  if (fstatat(ostree_repo_get_dfd(repo), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
  return static_cast<uint64_t>(st.st_size);
}

// libostree deletes it with the commit, and does not count it.
uint64_t DetachedSize(OstreeRepo* repo, const std::string& commit) {
  return FileSize(repo, "objects/" + commit.substr(0, 2) + "/" + commit.substr(2) + ".commitmeta");
}

void CountObject(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum, uint64_t size,
                 PruneTally& tally) {
  switch (type) {
    case OSTREE_OBJECT_TYPE_COMMIT:
      tally.commitObjects.Add(size + DetachedSize(repo, checksum));
      tally.commits.push_back(checksum);
      return;
    case OSTREE_OBJECT_TYPE_DIR_TREE:
    case OSTREE_OBJECT_TYPE_DIR_META:
      return tally.metadata.Add(size);
    default:
      return tally.files.Add(size);
  }
}

}  // namespace

uint64_t DeltaSize(OstreeRepo* repo, const DeltaName& name) {
  auto path = DeltaPath(name);
  Fd fd(openat(ostree_repo_get_dfd(repo), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Failure::Errno("open", path);
  uint64_t bytes = 0;
  auto add = [&](const char* name, unsigned char) {
    if (name[0] != '.') bytes += FileSize(repo, path + "/" + name);
  };
  if (!ReadEntries(fd.get(), add)) throw Failure::Errno("getdents64", path);
  return bytes;
}

PruneTally TallyPrune(OstreeRepo* repo, const KeptObjects& kept, const std::vector<DeltaName>& deltas,
                      GCancellable* cancellable) {
  PruneTally tally;
  for (const auto& [checksum, commit] : kept.commits) tally.kept.push_back(checksum.Hex());
  auto count = [&](const ObjectId& object, uint64_t size) {
    CountObject(repo, object.type, object.checksum.Hex(), size, tally);
  };
  ForEachUnreachable(repo, kept, count, cancellable);
  std::sort(tally.commits.begin(), tally.commits.end());
  for (const auto& delta : deltas) {
    tally.deltaNames.push_back(delta.name);
    tally.deltas.Add(DeltaSize(repo, delta));
  }
  return tally;
}

std::vector<DeltaName> StaleDeltas(OstreeRepo* repo, const KeptCommits& commits, bool heads_only,
                                   GCancellable* cancellable) {
  std::set<std::string> wanted;
  if (heads_only)
    for (const auto& ref : ListKeptRefs(repo, cancellable)) wanted.insert(ref.target);
  else
    for (const auto& [checksum, commit] : commits) wanted.insert(checksum.Hex());
  auto deltas = ListDeltas(repo, cancellable);
  std::erase_if(deltas, [&wanted](const DeltaName& delta) { return wanted.contains(delta.to); });
  return deltas;
}

void RemoveDeltas(OstreeRepo* repo, const std::vector<DeltaName>& deltas) {
  for (const auto& delta : deltas) {
    if (HasDelta(repo, delta)) RemoveDelta(repo, delta);
    auto index = DeltaIndexPath(delta.to);
    if (unlinkat(ostree_repo_get_dfd(repo), index.c_str(), 0) < 0 && errno != ENOENT && errno != ENOTDIR)
      throw Failure::Errno("unlink", index);
  }
}

}  // namespace ostree
