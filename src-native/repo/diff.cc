#include "diff.h"

#include <sys/stat.h>

#include "cursor.h"
#include "engine/compare.h"
#include "engine/object_list.h"
#include "engine/reachable.h"
#include "repo.h"
#include "rev.h"

namespace ostree {
namespace {

// A commit, or a directory.
struct DiffSideSpec {
  std::optional<std::string> rev, dir;

  void Fields(auto&& field) {
    field("rev", rev);
    field("dir", dir);
  }
};

struct DiffSpec {
  DiffSideSpec from, to;
  bool xattrs = true, stats = false;
  std::optional<uint32_t> uid, gid;

  void Fields(auto&& field) {
    field("from", from);
    field("to", to);
    field("xattrs", xattrs);
    field("stats", stats);
    field("uid", uid);
    field("gid", gid);
  }
};

struct DiffEntry {
  std::string path, type;
  uint32_t mode = 0, uid = 0, gid = 0;
  uint64_t size = 0;
  std::optional<std::string> target, checksum;

  void Fields(auto&& field) {
    field("path", path);
    field("type", type);
    field("mode", mode);
    field("uid", uid);
    field("gid", gid);
    field("size", size);
    field("target", target);
    field("checksum", checksum);
  }
};

struct DiffItem {
  std::optional<DiffEntry> from, to;
  std::vector<std::string> changes;

  void Fields(auto&& field) {
    field("from", from);
    field("to", to);
    field("changes", changes);
  }
};

// What `ostree diff --stats` prints.
struct DiffStats {
  uint64_t fromObjects = 0, toObjects = 0, commonObjects = 0, commonSize = 0;

  void Fields(auto&& field) {
    field("fromObjects", fromObjects);
    field("toObjects", toObjects);
    field("commonObjects", commonObjects);
    field("commonSize", commonSize);
  }
};

struct FoundDiff {
  std::shared_ptr<Cursor> items;
  std::optional<DiffStats> stats;

  void Fields(auto&& field) {
    field("items", items);
    field("stats", stats);
  }
};

const char* TypeName(uint32_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  return S_ISLNK(mode) ? "symlink" : "other";
}

std::optional<DiffEntry> EntryOf(const Difference& difference,
                                 const std::optional<Difference::Version>& version) {
  if (!version) return {};
  const auto& file = version->file;
  DiffEntry entry;
  entry.path = ValidUtf8(difference.path);
  entry.type = TypeName(file.owner.mode);
  entry.mode = file.owner.mode;
  entry.uid = file.owner.uid;
  entry.gid = file.owner.gid;
  entry.size = file.size;
  if (S_ISLNK(file.owner.mode)) entry.target = ValidUtf8(file.target);
  if (version->checksum) entry.checksum = version->checksum->Hex();
  return entry;
}

DiffItem ItemOf(const Difference& difference) {
  constexpr std::pair<unsigned, const char*> names[] = {
      {Difference::kType, "type"}, {Difference::kContent, "content"}, {Difference::kTarget, "target"},
      {Difference::kMode, "mode"}, {Difference::kOwner, "owner"},     {Difference::kXattrs, "xattrs"}};
  DiffItem item{EntryOf(difference, difference.from), EntryOf(difference, difference.to), {}};
  for (const auto& [aspect, name] : names)
    if (difference.aspects & aspect) item.changes.push_back(name);
  return item;
}

class Differ {
 public:
  Differ(Shared<OstreeRepo> repo, const DiffSpec& spec, GCancellable* cancellable)
      : repo_(std::move(repo)), spec_(spec), cancellable_(cancellable) {}

  std::vector<Difference> Find() const {
    auto from = SideOf(spec_.from, {});
    auto to = SideOf(spec_.to, {spec_.uid, spec_.gid});
    try {
      return Compare(*from, *to, cancellable_);
    } catch (Failure& failure) {
      // Which of two sides it was, an object's failure does not tell.
      bool both = spec_.from.rev && spec_.to.rev;
      if (failure.checksum && !both) failure.ref = spec_.from.rev ? spec_.from.rev : spec_.to.rev;
      throw;
    }
  }

  DiffStats Stats() const {
    auto from = ObjectsOf(spec_.from).List();
    auto to = ObjectsOf(spec_.to).List();
    std::unordered_set<ObjectId> known(from.begin(), from.end());
    DiffStats stats;
    stats.fromObjects = from.size();
    stats.toObjects = to.size();
    for (const auto& object : to) {
      if (!known.contains(object)) continue;
      ThrowIfCancelled(cancellable_);
      stats.commonObjects++;
      stats.commonSize += ObjectSize(repo_.get(), object, cancellable_);
    }
    return stats;
  }

 private:
  template <class Fn>
  static auto Naming(const DiffSideSpec& side, Fn fn) {
    try {
      return fn();
    } catch (Failure& failure) {
      failure.ref = side.rev;
      throw;
    }
  }

  Checksum CommitOf(const DiffSideSpec& side) const {
    return Checksum::FromHex(ResolveRev(repo_.get(), side.rev.value_or("")));
  }

  // As the command: compared with a repository that stores none, a directory has no extended attributes.
  bool with_xattrs() const {
    bool has_commit = !spec_.from.dir || !spec_.to.dir;
    return spec_.xattrs && !(has_commit && !StoresXattrs(repo_.get()));
  }

  std::unique_ptr<Side> SideOf(const DiffSideSpec& side, const OwnerOverride& owner) const {
    if (side.dir) return DiskSide(*side.dir, with_xattrs(), owner, cancellable_);
    return Naming(side, [&] { return CommitSide(repo_.get(), CommitOf(side), cancellable_); });
  }

  Reachable ObjectsOf(const DiffSideSpec& side) const {
    return Naming(side, [&] { return FindReachable(repo_.get(), CommitOf(side), 0, cancellable_); });
  }

  const Shared<OstreeRepo> repo_;
  const DiffSpec& spec_;
  GCancellable* const cancellable_;
};

}  // namespace

// ostree_diff_dirs_with_options, ostree_repo_traverse_commit
Napi::Value DiffFind(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto spec = args.Next<DiffSpec>("spec");
  return Async(args, repo->SharedWork("a diff"), [repo, spec](Job& job) {
    Differ differ(repo->reader(), spec, job.cancellable());
    FoundDiff found{NewListCursor(differ.Find(), ItemOf), {}};
    if (spec.stats) found.stats = differ.Stats();
    return found;
  });
}

}  // namespace ostree
