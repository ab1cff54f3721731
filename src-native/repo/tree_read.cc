#include "tree_read.h"

#include "repo.h"
#include "tree.h"
#include "xattrs.h"

namespace ostree {
namespace {

Shared<GVariant> XattrsOf(const CommitTree& tree, const CommitTree::Found& found, GCancellable* cancellable) {
  if (!found.directory) return found.file.xattrs;
  auto type = OSTREE_OBJECT_TYPE_DIR_META;
  auto dirmeta = LoadMetadata(tree.repo(), type, found.directory->metadata, cancellable);
  return Shared<GVariant>::Take(g_variant_get_child_value(dirmeta.get(), 3));
}

}  // namespace

// ostree_repo_load_file, ostree_repo_load_object_stream
Napi::Value TreeStat(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  auto follow = args.Next<bool>("follow");
  return Async(args, repo->ReadWork(), [repo, rev, path, follow](Job& job) {
    CommitTree tree(repo->reader(), rev, job.cancellable());
    return tree.Describe(tree.Find(path, follow));
  });
}

// ostree_repo_load_file
Napi::Value TreeReadlink(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  return Async(args, repo->ReadWork(), [repo, rev, path](Job& job) {
    CommitTree tree(repo->reader(), rev, job.cancellable());
    auto found = tree.Find(path, /* follow_last */ false);
    if (!found.info().is_symlink()) throw tree.Fail("INVALID_ARGUMENT", "Not a symbolic link", path);
    return ValidUtf8(found.info().target);
  });
}

// ostree_repo_load_file, ostree_repo_load_object_stream
Napi::Value TreeXattrs(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  auto follow = args.Next<bool>("follow");
  return Async(args, repo->ReadWork(), [repo, rev, path, follow](Job& job) {
    CommitTree tree(repo->reader(), rev, job.cancellable());
    auto found = tree.Find(path, follow, kFileXattrs);
    return tree.Naming(path, [&] { return XattrList(XattrsOf(tree, found, job.cancellable()).get()); });
  });
}

}  // namespace ostree
