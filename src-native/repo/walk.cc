#include "walk.h"

#include <unordered_map>
#include <unordered_set>

#include "cursor.h"
#include "repo.h"
#include "tree.h"

namespace ostree {
namespace {

constexpr size_t kBatch = 256;
// Directories share few dirmetas; a tree with more is read all the same, only slower.
constexpr size_t kMaxKnownMetadata = 1024;

enum class Depth { kOne, kAll };

// Depth first, and in each directory the files before the directories, as `ostree ls -R` prints them.
class WalkCursor final : public CursorOf<TreeEntry> {
 public:
  WalkCursor(std::shared_ptr<Executor> executor, std::shared_ptr<Repo> repo, std::string rev,
             std::string path, Depth depth)
      : CursorOf(std::move(executor), kBatch),
        repo_(std::move(repo)),
        rev_(std::move(rev)),
        path_(std::move(path)),
        depth_(depth) {}

 private:
  struct Level {
    size_t path_size;
    std::string contents;
    TreeListing listing;
    size_t next = 0;
  };

  bool Step(std::vector<TreeEntry>& entries, Job& job) override {
    try {
      if (!started_) return Start(entries, job.cancellable());
      auto& level = levels_.back();
      auto index = level.next++;
      if (index < level.listing.files())
        entries.push_back(File(level, index, job.cancellable()));
      else
        entries.push_back(Directory(level, index - level.listing.files(), job.cancellable()));
      return LeaveFinished();
    } catch (Failure& failure) {
      failure.ref = rev_;
      if (!failure.path) failure.path = levels_.empty() ? path_ : here_;
      throw;
    }
  }

  // All that is below `path_`; walking, that comes first.
  bool Start(std::vector<TreeEntry>& entries, GCancellable* cancellable) {
    CommitTree tree(repo_->reader(), rev_, cancellable);
    auto found = tree.Find(path_, /* follow_last */ true);
    started_ = true;
    if (depth_ == Depth::kAll) entries.push_back(tree.Describe(found));
    if (found.directory)
      Enter(found.path, *found.directory, cancellable);
    else if (depth_ == Depth::kOne)
      throw tree.Fail("NOT_DIRECTORY", "Not a directory", path_);
    return LeaveFinished();
  }

  TreeEntry File(const Level& level, size_t index, GCancellable* cancellable) {
    auto file = level.listing.file(index);
    CheckLength(level, file.name);
    return FileEntry(here_, file,
                     LoadFile(repo_->reader().get(), file.checksum, kFileInfo, cancellable).info);
  }

  TreeEntry Directory(const Level& level, size_t index, GCancellable* cancellable) {
    auto directory = level.listing.directory(index);
    CheckLength(level, directory.name);
    auto dirmeta = DirMeta(directory.objects.metadata, cancellable);
    auto entry = DirectoryEntry(JoinPath(here_, directory.name), directory.objects, dirmeta.get());
    if (depth_ == Depth::kAll) Enter(entry.path, directory.objects, cancellable);
    return entry;
  }

  void Enter(const std::string& path, const TreeDirectory& objects, GCancellable* cancellable) {
    if (!above_.insert(objects.contents).second)
      throw CorruptObject(OSTREE_OBJECT_TYPE_DIR_TREE, objects.contents, "the directory contains itself");
    levels_.push_back(
        {path.size(), objects.contents, TreeListing(repo_->reader().get(), objects.contents, cancellable)});
    here_ = path;
  }

  // False when nothing is left.
  bool LeaveFinished() {
    while (!levels_.empty()) {
      auto& level = levels_.back();
      if (level.next < level.listing.files() + level.listing.directories()) return true;
      above_.erase(level.contents);
      levels_.pop_back();
      if (!levels_.empty()) here_.resize(levels_.back().path_size);
    }
    return false;
  }

  Shared<GVariant> DirMeta(const std::string& checksum, GCancellable* cancellable) {
    auto& known = metadata_[checksum];
    if (known) return known;
    if (metadata_.size() > kMaxKnownMetadata) metadata_.clear();
    return metadata_[checksum] =
               LoadMetadata(repo_->reader().get(), OSTREE_OBJECT_TYPE_DIR_META, checksum, cancellable);
  }

  // A tree that is no tree grows paths without end.
  void CheckLength(const Level& level, const std::string& name) const {
    if (here_.size() + name.size() > kMaxTreePath)
      throw CorruptObject(OSTREE_OBJECT_TYPE_DIR_TREE, level.contents, "a path grows too long");
  }

  const std::shared_ptr<Repo> repo_;
  const std::string rev_, path_;
  const Depth depth_;
  bool started_ = false;
  std::vector<Level> levels_;
  std::string here_;                       // the path of the last of them
  std::unordered_set<std::string> above_;  // the dirtrees of levels_
  std::unordered_map<std::string, Shared<GVariant>> metadata_;
};

}  // namespace

// ostree_repo_load_object_stream, ostree_repo_load_file
Napi::Value TreeList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  auto cursor = std::make_shared<WalkCursor>(repo->ReadWork(), repo, rev, path, Depth::kOne);
  return NewHandle<Cursor>(info.Env(), cursor);
}

// ostree_repo_load_object_stream, ostree_repo_load_file
Napi::Value TreeWalk(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  auto executor = repo->SharedReads("walk");
  auto cursor = std::make_shared<WalkCursor>(executor, repo, rev, path, Depth::kAll);
  return NewHandle<Cursor>(info.Env(), cursor);
}

}  // namespace ostree
