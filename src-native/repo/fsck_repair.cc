#include "fsck_repair.h"

#include <sys/stat.h>

#include "core/validate.h"
#include "delta_staging.h"
#include "engine/verify.h"
#include "fsck_check.h"
#include "repo.h"
#include "repo_lock.h"

namespace ostree {
namespace {

struct SetAside {
  std::string directory;                // in tmp/; empty: nothing had to be moved
  std::vector<FsckObjectName> objects;  // that lie there
  std::vector<std::string> marked;      // commits that are partial because of it

  void Fields(auto&& field) {
    field("directory", directory);
    field("objects", objects);
    field("marked", marked);
  }
};

OstreeObjectType TypeOf(const FsckObjectName& name) {
  for (auto type : {OSTREE_OBJECT_TYPE_FILE, OSTREE_OBJECT_TYPE_DIR_TREE, OSTREE_OBJECT_TYPE_DIR_META,
                    OSTREE_OBJECT_TYPE_COMMIT})
    if (name.type == ostree_object_type_to_string(type)) return type;
  throw Failure("INVALID_ARGUMENT", "No object of type " + name.type + " can be fetched again");
}

// As libostree lays objects out.
std::string LoosePath(OstreeRepo* repo, const FsckObjectName& name) {
  bool compressed = name.type == "file" && ostree_repo_get_mode(repo) == OSTREE_REPO_MODE_ARCHIVE;
  return "objects/" + name.checksum.substr(0, 2) + "/" + name.checksum.substr(2) + "." + name.type +
         (compressed ? "z" : "");
}

std::string AsidePath(const std::string& directory, const FsckObjectName& name) {
  return "tmp/" + directory + "/" + name.checksum + "." + name.type;
}

std::optional<BadObject> Check(OstreeRepo* repo, const FsckObjectName& name, GCancellable* cancellable) {
  return FsckObject(repo, {TypeOf(name), Checksum::FromHex(name.checksum)}, cancellable);
}

bool IsCorrupt(OstreeRepo* repo, const FsckObjectName& name, GCancellable* cancellable) {
  auto bad = Check(repo, name, cancellable);
  return bad && bad->kind == BadObject::Kind::kCorrupt;
}

// Of this repository itself, not of its parent.
bool IsHere(OstreeRepo* repo, const FsckObjectName& name) {
  struct stat st;
  return fstatat(ostree_repo_get_dfd(repo), LoosePath(repo, name).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

// CommitState() needs the commit itself, which may be what is bad.
bool IsMarked(OstreeRepo* repo, const std::string& commit) {
  auto mark = "state/" + commit + ".commitpartial";
  return faccessat(ostree_repo_get_dfd(repo), mark.c_str(), F_OK, 0) == 0;
}

void CheckNames(const std::vector<FsckObjectName>& objects, const std::vector<std::string>& commits) {
  for (const auto& name : objects) {
    TypeOf(name);
    CheckChecksum(name.checksum, "objects");
  }
  for (const auto& commit : commits) CheckChecksum(commit, "commits");
}

// Nothing that JS says leads out of tmp/.
void CheckDirectory(const std::string& directory) {
  if (!directory.starts_with("repair-") || directory.find('/') != directory.npos)
    throw Failure("INVALID_ARGUMENT", "Not a directory of objects that were set aside");
}

// Where a kill stops it halfway, a commit lacks objects and is not marked yet: an fsck finds that, and what
// is still corrupt, and a repair fetches them. Of a commit that is marked it would look at nothing.
void MoveAside(OstreeRepo* repo, const std::vector<FsckObjectName>& objects,
               const std::vector<std::string>& commits, SetAside& aside, GCancellable* cancellable) {
  int root = ostree_repo_get_dfd(repo);
  for (const auto& name : objects) {
    if (!IsHere(repo, name) || !IsCorrupt(repo, name, cancellable)) continue;
    if (aside.directory.empty()) {
      Owned<char> unique(g_uuid_string_random());
      aside.directory = std::string("repair-") + unique.get();
      if (mkdirat(root, ("tmp/" + aside.directory).c_str(), 0700) < 0)
        throw Failure::Errno("mkdir", "tmp/" + aside.directory);
    }
    if (renameat(root, LoosePath(repo, name).c_str(), root, AsidePath(aside.directory, name).c_str()) < 0)
      throw Failure::Errno("rename", LoosePath(repo, name));
    aside.objects.push_back(name);
  }
  for (const auto& commit : commits) {
    if (IsMarked(repo, commit)) continue;
    Try(ostree_repo_mark_commit_partial_reason, repo, commit.c_str(), TRUE,
        OSTREE_REPO_COMMIT_STATE_FSCK_PARTIAL);
    aside.marked.push_back(commit);
  }
}

// It goes where the same object is here again, even if it comes this very moment; otherwise it returns to its
// place.
void PutBack(OstreeRepo* repo, const std::string& directory, const FsckObjectName& name) {
  int root = ostree_repo_get_dfd(repo);
  auto from = AsidePath(directory, name), to = LoosePath(repo, name);
  if (linkat(root, from.c_str(), root, to.c_str(), 0) < 0 && errno != EEXIST && errno != ENOENT)
    throw Failure::Errno("link", from);
  if (unlinkat(root, from.c_str(), 0) < 0 && errno != ENOENT) throw Failure::Errno("unlink", from);
}

// What did not come is where it was, and commits are marked as they were.
void Undo(OstreeRepo* repo, const SetAside& aside) {
  for (const auto& name : aside.objects) PutBack(repo, aside.directory, name);
  if (!aside.directory.empty()) RemoveDirectory(ostree_repo_get_dfd(repo), "tmp/" + aside.directory);
  for (const auto& commit : aside.marked) Try(ostree_repo_mark_commit_partial, repo, commit.c_str(), FALSE);
}

}  // namespace

// ostree_repo_mark_commit_partial_reason; bad objects are renamed
Napi::Value FsckSetAside(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto objects = args.Next<std::vector<FsckObjectName>>("objects");
  auto commits = args.Next<std::vector<std::string>>("commits");
  return Async(args, repo->ExclusiveWork("fsck that repairs"), [repo, objects, commits](Job& job) {
    CheckNames(objects, commits);
    auto handle = repo->OpenWriter(job.cancellable());
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_EXCLUSIVE, job.cancellable());
    SetAside aside;
    try {
      MoveAside(handle.get(), objects, commits, aside, job.cancellable());
    } catch (const Failure&) {
      Undo(handle.get(), aside);
      throw;
    }
    return aside;
  });
}

// ostree_repo_fsck_object, ostree_repo_mark_commit_partial
Napi::Value FsckSettle(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto aside = args.Next<SetAside>("aside");
  auto bad = args.Next<std::vector<FsckObjectName>>("bad");
  // Shared: a pull that was given up may hold the repository for as long as its server is silent.
  return Async(args, repo->SharedWork("fsck that repairs"), [repo, aside, bad](Job& job) {
    CheckNames(aside.objects, aside.marked);
    CheckNames(bad, {});
    if (!aside.directory.empty()) CheckDirectory(aside.directory);
    auto handle = repo->OpenWriter(job.cancellable());
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    Undo(handle.get(), aside);
    std::vector<FsckObjectName> repaired;
    for (const auto& name : bad)
      if (!Check(handle.get(), name, job.cancellable())) repaired.push_back(name);
    return repaired;
  });
}

}  // namespace ostree
