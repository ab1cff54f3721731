#include "objects.h"

#include <sys/stat.h>

#include "cursor.h"
#include "engine/loose.h"
#include "engine/object_list.h"
#include "engine/reachable.h"
#include "repo.h"
#include "repo_lock.h"
#include "rev.h"

namespace ostree {
namespace {

class ObjectCursor final : public CursorOf<ObjectName> {
 public:
  explicit ObjectCursor(std::shared_ptr<Repo> repo)
      : CursorOf(repo->ReadWork(), 256), repo_(std::move(repo)) {}

 private:
  bool Step(std::vector<ObjectName>& names, Job& job) override {
    if (listed_ == list_.size()) {
      if (next_ == kObjectDirectories) return false;
      list_ = ListObjects(repo_->reader().get(), next_++, job.cancellable());
      listed_ = 0;
    }
    if (listed_ < list_.size()) names.push_back(NameOf(list_[listed_++]));
    return true;
  }

  const std::shared_ptr<Repo> repo_;
  unsigned next_ = 0;           // the directory to be listed next
  std::vector<ObjectId> list_;  // the one listed last
  size_t listed_ = 0;           // how many of them were handed over
};

Failure NotFound(const ObjectId& object) {
  return ObjectFailure("NOT_FOUND", object, "No such object in this repository");
}

// In the repository itself: what its parent has, it cannot delete.
bool HasItself(OstreeRepo* repo, const ObjectId& object) {
  struct stat status;
  auto path = LoosePath(ostree_repo_get_mode(repo), object.type, object.checksum.Hex());
  return fstatat(ostree_repo_get_dfd(repo), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool Has(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable) {
  gboolean has = FALSE;
  Try(ostree_repo_has_object, repo, object.type, object.checksum.Hex().c_str(), &has, cancellable);
  return has;
}

}  // namespace

ObjectName NameOf(const ObjectId& object) {
  return {ostree_object_type_to_string(object.type), object.checksum.Hex()};
}

ObjectId IdOf(const ObjectName& name) {
  auto type = ObjectTypeNamed(name.type);
  if (!type) throw Failure("INVALID_ARGUMENT", "Not a type of objects: " + name.type);
  CheckChecksum(name.checksum);
  return {*type, Checksum::FromHex(name.checksum)};
}

// ostree_repo_list_objects
Napi::Value ObjectList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return NewHandle<Cursor>(info.Env(), std::make_shared<ObjectCursor>(repo));
}

// ostree_repo_traverse_commit
Napi::Value ObjectReachable(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto depth = args.Next<std::optional<uint64_t>>("depth");
  return Async(args, repo->SharedWork("a traversal"), [repo, rev, depth](Job& job) {
    auto handle = repo->reader();
    try {
      auto commit = Checksum::FromHex(ResolveRev(handle.get(), rev));
      return NewListCursor(FindReachable(handle.get(), commit, depth, job.cancellable()).List(), NameOf);
    } catch (Failure& failure) {
      failure.ref = rev;
      throw;
    }
  });
}

// ostree_repo_has_object
Napi::Value ObjectHas(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<ObjectName>("name");
  return Async(args, repo->ReadWork(),
               [repo, name](Job& job) { return Has(repo->reader().get(), IdOf(name), job.cancellable()); });
}

// ostree_repo_query_object_storage_size
Napi::Value ObjectStorageSize(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<ObjectName>("name");
  return Async(args, repo->ReadWork(), [repo, name](Job& job) {
    return ObjectSize(repo->reader().get(), IdOf(name), job.cancellable());
  });
}

// ostree_repo_delete_object
Napi::Value ObjectDelete(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<ObjectName>("name");
  return Async(args, repo->ExclusiveWork("deleting an object"), [repo, name](Job& job) {
    auto object = IdOf(name);
    auto handle = repo->OpenWriter(job.cancellable());
    Try(ostree_repo_is_writable, handle.get());
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_EXCLUSIVE, job.cancellable());
    // Of a commit that is not there, libostree would delete the detached metadata all the same.
    if (!HasItself(handle.get(), object)) throw NotFound(object);
    Try(ostree_repo_delete_object, handle.get(), object.type, name.checksum.c_str(), job.cancellable());
  });
}

// ostree_repo_mark_commit_partial_reason
Napi::Value CommitMarkPartial(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto partial = args.Next<bool>("partial");
  auto by_fsck = args.Next<bool>("byFsck");
  return Async(args, repo->UpdateWork(), [repo, rev, partial, by_fsck](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    Try(ostree_repo_is_writable, handle.get());
    auto checksum = ResolveRev(handle.get(), rev);
    ObjectId commit{OSTREE_OBJECT_TYPE_COMMIT, Checksum::FromHex(checksum)};
    if (!Has(handle.get(), commit, job.cancellable())) throw NotFound(commit);
    auto state = by_fsck ? OSTREE_REPO_COMMIT_STATE_FSCK_PARTIAL : OSTREE_REPO_COMMIT_STATE_NORMAL;
    Try(ostree_repo_mark_commit_partial_reason, handle.get(), checksum.c_str(), partial, state);
  });
}

}  // namespace ostree
