#include "engine/scan.h"

#include "core/failure.h"
#include "engine/add_tar.h"
#include "engine/glob.h"
#include "engine/load_file.h"
#include "engine/names.h"
#include "engine/objects.h"
#include "engine/path_limit.h"
#include "engine/skip_round.h"

namespace ostree {
namespace {

constexpr Owner kParentOwner = {.uid = 0, .gid = 0, .mode = S_IFDIR | 0755};

struct stat StatusOf(const DiskDir& disk, int fd, const std::string& name) {
  struct stat status;
  if (fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fstatat", disk.Path(name));
  return status;
}

}  // namespace

Scanner::Scanner(const CommitPlan& plan, OstreeRepo* repo, Rules& rules, Tree& tree, Tally& tally,
                 GCancellable* cancellable)
    : devino_(plan.devino),
      consumption_(plan.consume ? std::make_shared<Consumption>() : nullptr),
      repo_(repo),
      rules_(rules),
      tree_(tree),
      tally_(tally),
      cancellable_(cancellable) {}

std::shared_ptr<Consumption> Scanner::TakeConsumption() {
  if (consumption_) consumption_->SetDirs(std::move(disk_dirs_));
  return consumption_;
}

void Scanner::Add(const TreeSource& source) {
  auto* target = EnsurePrefix(source.prefix);
  if (!target) return;
  if (auto* directory = std::get_if<DirSource>(&source.from)) AddDirectory(*directory, *target);
  if (auto* commit = std::get_if<CommitSource>(&source.from)) AddCommit(*commit, *target);
  if (auto* tree = std::get_if<ObjectSource>(&source.from)) AddTree(tree->contents, tree->metadata, *target);
  if (auto* files = std::get_if<FilesSource>(&source.from)) AddFiles(*files, source.prefix, *target);
  if (auto* tar = std::get_if<TarSource>(&source.from)) AddTar(*tar, *target);
}

void Scanner::AddTar(const TarSource& source, TreeDir& target) {
  auto spool = std::make_shared<Spool>(repo_);
  auto entries = ReadTar(source.read, *spool, cancellable_);
  if (rules_.asks()) {
    SkipRound round(target.Path(), kParentOwner);
    for (const auto& entry : entries) round.Add(entry.Path(), entry.owner, entry.size);
    round.Ask(rules_);
  }
  bool bare_user_only = ostree_repo_get_mode(repo_) == OSTREE_REPO_MODE_BARE_USER_ONLY;
  TarLayer(rules_, tree_, tally_, source, bare_user_only).AddTo(target, entries, spool);
}

// Parents that no source has given yet belong to root, as those that libostree
// creates for a tar. Null: the rules leave the prefix out.
TreeDir* Scanner::EnsurePrefix(const std::string& prefix) {
  auto* dir = &tree_.root();
  if (Skips(*dir)) return nullptr;
  for (auto step : SplitPath(prefix)) {
    if (step == "." || step == "..") throw PathFailure("INVALID_ARGUMENT", "Not a path in a tree", prefix);
    std::string name(step);
    if (!dir->has_metadata) SetMetadata(*dir, kParentOwner, {});
    if (Skips(*dir, &name)) return nullptr;
    dir = &tree_.EnsureDir(*dir, name);
  }
  return dir;
}

void Scanner::AddDirectory(const DirSource& source, TreeDir& target) {
  auto& disk = disk_dirs_.emplace_back();
  disk.name = source.path;
  disk.root = OpenRoot(source.path);
  disk_todo_.push_back({&disk, &target});
  while (!disk_todo_.empty()) {
    ThrowIfCancelled(cancellable_);
    auto task = disk_todo_.back();
    disk_todo_.pop_back();
    ScanDirectory(*task.disk, *task.dir);
  }
}

void Scanner::ScanDirectory(DiskDir& disk, TreeDir& dir) {
  int fd = opener_.Open(disk);
  struct stat status;
  if (fstat(fd, &status) < 0) throw Failure::Errno("fstat", disk.Path());
  disk.device = status.st_dev;
  disk.inode = status.st_ino;
  auto xattrs = rules_.keeps_xattrs() ? ReadXattrs(fd, [&disk] { return disk.Path(); }) : Xattrs();
  SetMetadata(dir, {status.st_uid, status.st_gid, status.st_mode}, xattrs);

  if (consumption_) consumption_->Took(status);

  uint64_t files = dir.files.size();
  auto entries = ListDirectory(fd, disk);
  if (rules_.asks()) AskAbout(disk, fd, dir, entries);
  for (const auto& entry : entries) ScanEntry(disk, fd, dir, entry);
  tally_.Found(dir.files.size() - files);
  if (on_directory_) on_directory_(dir);
}

void Scanner::AskAbout(const DiskDir& disk, int fd, TreeDir& dir, const std::vector<DiskEntry>& entries) {
  std::vector<SkipQuestion> questions;
  for (const auto& entry : entries) {
    CheckName(entry.name, [&disk, &entry] { return disk.Path(entry.name); });
    auto status = StatusOf(disk, fd, entry.name);
    auto size = S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
    questions.push_back({dir.Path(entry.name), {status.st_uid, status.st_gid, status.st_mode}, size});
  }
  rules_.Ask(questions);
}

void Scanner::AskAbout(TreeDir& dir, const DirContents& entries) {
  std::vector<SkipQuestion> questions;
  for (const auto& file : entries.files) {
    auto info = LoadFile(repo_, file.checksum.Hex(), kFileInfo, cancellable_).info;
    questions.push_back(
        {dir.Path(file.name), {info.uid, info.gid, info.mode}, info.is_symlink() ? 0 : info.size});
  }
  for (const auto& child : entries.dirs)
    questions.push_back({dir.Path(child.name), LoadDirMeta(repo_, child.metadata).owner, 0});
  rules_.Ask(questions);
}

bool Scanner::IsLeftOut(const DiskDir& disk, int fd, TreeDir& dir, const DiskEntry& entry) {
  bool skips = Skips(dir, &entry.name);
  if (!consumption_) return skips;
  auto status = StatusOf(disk, fd, entry.name);
  if (skips)
    consumption_->LeftOut(status);
  else if (!S_ISDIR(status.st_mode))
    consumption_->Took(status);
  return skips;
}

// A hard link to an object is that object, whatever the file looks like: in a bare-user repository its owner,
// mode and attributes are the object's, not those of the file.
bool Scanner::AddLinked(int fd, TreeDir& dir, const DiskEntry& entry) {
  struct stat status;
  if (!devino_ || fstatat(fd, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return false;
  auto object = devino_->Find(repo_, status);
  if (!object) return false;
  tally_.cache_hits++;
  AddObject(dir, entry.name, *object);
  return true;
}

void Scanner::ScanEntry(const DiskDir& disk, int fd, TreeDir& dir, const DiskEntry& entry) {
  if (IsLeftOut(disk, fd, dir, entry)) return;
  auto path = [&disk, &entry] { return disk.Path(entry.name); };
  CheckName(entry.name, path);
  if (S_ISDIR(entry.type)) {
    auto& child = disk_dirs_.emplace_back();
    child.parent = &disk;
    child.name = entry.name;
    child.depth = disk.depth + 1;
    disk_todo_.push_back({&child, &tree_.EnsureDir(dir, entry.name)});
  } else if (S_ISREG(entry.type) || S_ISLNK(entry.type)) {
    if (AddLinked(fd, dir, entry)) return;
    bool is_link = S_ISLNK(entry.type);
    auto* change = Change(dir, &entry.name);
    // A target that cannot be stored is told as early as can be.
    if (is_link) ReadLink(fd, entry.name.c_str(), path);
    if (is_link && change) Rules::CheckLink(*change, dir.Path(entry.name));
    tree_.ReplaceFile(dir, entry.name, {.disk = &disk, .is_link = is_link, .change = change, .checksum = {}});
  } else {
    throw PathFailure("NOT_SUPPORTED",
                      "A device, pipe or socket, which OSTree cannot store; skip or remove it", path());
  }
}

void Scanner::AddFiles(const FilesSource& source, const std::string& prefix, TreeDir& target) {
  if (!target.has_metadata) SetMetadata(target, kParentOwner, {});
  if (rules_.asks()) {
    SkipRound round(target.Path(), kParentOwner);
    for (const auto& entry : source.files->entries()) round.Add(entry.path, entry.owner, entry.size);
    round.Ask(rules_);
  }
  for (const auto& entry : source.files->entries()) {
    ThrowIfCancelled(cancellable_);
    AddEntry(*source.files, entry, prefix);
  }
}

void Scanner::AddEntry(const FileSet& files, const SetEntry& entry, const std::string& prefix) {
  auto path = prefix + "/" + entry.path;
  auto names = SplitPath(entry.path);
  auto xattrs = rules_.keeps_xattrs() ? entry.xattrs : Xattrs();
  if (S_ISDIR(entry.owner.mode)) {
    if (auto* dir = EnsurePrefix(path)) SetMetadata(*dir, entry.owner, xattrs);
    return;
  }
  if (names.empty()) throw PathFailure("INVALID_ARGUMENT", "Not a path of a file", entry.path);
  std::string name(names.back());
  auto* parent = EnsurePrefix(path.substr(0, path.rfind(name)));
  if (!parent || Skips(*parent, &name)) return;
  if (name == "." || name == "..") throw PathFailure("INVALID_ARGUMENT", "Not a path in a tree", entry.path);
  if (!parent->has_metadata) SetMetadata(*parent, kParentOwner, {});
  bool is_link = S_ISLNK(entry.owner.mode);
  auto* change = Change(*parent, &name);
  if (is_link && change) Rules::CheckLink(*change, parent->Path(name));
  tree_.ReplaceFile(*parent, name,
                    {.files = &files, .entry = &entry, .is_link = is_link, .change = change, .checksum = {}});
  tally_.Found(1);
}

void Scanner::AddCommit(const CommitSource& source, TreeDir& target) {
  auto root = LoadCommitRoot(repo_, source.commit, source.subpath);
  AddTree(root.contents, root.metadata, target);
}

void Scanner::AddTree(const Checksum& contents, const Checksum& metadata, TreeDir& target) {
  if (!rules_.changes_dirs() && !rules_.has_paths()) return tree_.Overlay(target, contents, metadata);

  object_todo_.push_back({contents, metadata, &target});
  PathLimit limit(repo_, cancellable_);
  while (!object_todo_.empty()) {
    auto task = object_todo_.back();
    object_todo_.pop_back();
    auto entries = LoadDirTree(repo_, task.contents);
    limit.Follow(contents, entries.files.size() + entries.dirs.size());
    ScanDirTree(entries, task.metadata, *task.dir);
  }
}

void Scanner::ScanDirTree(const DirContents& entries, const Checksum& metadata, TreeDir& dir) {
  auto loaded = LoadDirMeta(repo_, metadata);
  SetMetadata(dir, loaded.owner, rules_.keeps_xattrs() ? loaded.xattrs : Xattrs());

  if (rules_.asks()) AskAbout(dir, entries);
  for (const auto& file : entries.files)
    if (!Skips(dir, &file.name)) AddObject(dir, file.name, file.checksum);
  for (const auto& child : entries.dirs)
    if (!Skips(dir, &child.name))
      object_todo_.push_back({child.contents, child.metadata, &tree_.EnsureDir(dir, child.name)});
}

void Scanner::AddObject(TreeDir& dir, const std::string& name, const Checksum& object) {
  auto* change = Change(dir, &name);
  bool is_settled = !change && !rules_.changes_files();
  tree_.ReplaceFile(dir, name, {.is_settled = is_settled, .change = change, .checksum = object});
  if (!is_settled) tally_.Found(1);
}

void Scanner::SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs) {
  auto labelled = rules_.Labelled(xattrs, owner.mode, [&dir] { return dir.Path(); });
  tree_.SetMetadata(dir, rules_.Apply(owner, Change(dir)), labelled);
}

bool Scanner::Skips(TreeDir& dir, const std::string* child) {
  return rules_.has_paths() && rules_.Skips(child ? dir.Path(*child) : dir.Path());
}

const ModeChange* Scanner::Change(TreeDir& dir, const std::string* child) {
  return rules_.has_paths() ? rules_.Find(child ? dir.Path(*child) : dir.Path()) : nullptr;
}

}  // namespace ostree
