#include "selinux.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/dynamic.h"
#include "engine/checkout.h"
#include "engine/objects.h"
#include "scratch_directory.h"

namespace ostree {
namespace {

// A library without it ignores the policy.
void RequireSelinux() {
  if (!LibostreeNeeds("libselinux").value_or(true))
    throw Failure("NOT_SUPPORTED", "This libostree was built without SELinux: it cannot label files");
}

// ostree_sepolicy_new_at
std::shared_ptr<const SePolicy> Load(const std::string& path, const std::string& name,
                                     GCancellable* cancellable) {
  Fd root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) throw Failure::Errno("open", path);
  return std::make_shared<const SePolicy>(root.get(), name, cancellable);
}

std::optional<DirContents::Dir> Child(OstreeRepo* repo, const Checksum& contents, const std::string& name) {
  for (auto& child : LoadDirTree(repo, contents).dirs)
    if (child.name == name) return child;
  return {};
}

void MakeDir(const std::string& path) {
  if (mkdir(path.c_str(), 0755) < 0) throw Failure::Errno("mkdir", path);
}

void CheckOut(OstreeRepo* repo, const DirContents::Dir& selinux, const std::string& root,
              GCancellable* cancellable) {
  MakeDir(root + "/usr");
  MakeDir(root + "/usr/etc");
  CheckoutPlan plan;
  plan.destination = root + "/usr/etc/selinux";
  plan.source = {selinux.contents.Hex(), selinux.metadata.Hex(), {}, {}};
  plan.user_mode = true;
  RunCheckout(plan, repo, cancellable, {});
}

// Of `fromBase`: the directory of the commit that the tree starts from.
std::shared_ptr<const SePolicy> OfSource(OstreeRepo* repo, const TreeSource& source,
                                         GCancellable* cancellable) {
  if (auto* dir = std::get_if<DirSource>(&source.from)) return PolicyAt(dir->path, cancellable);
  if (auto* commit = std::get_if<CommitSource>(&source.from)) {
    auto root = LoadCommitRoot(repo, commit->commit, commit->subpath);
    return PolicyIn(repo, root.contents, cancellable);
  }
  if (auto* tree = std::get_if<ObjectSource>(&source.from))
    return PolicyIn(repo, tree->contents, cancellable);
  throw Failure("INVALID_ARGUMENT", "Neither archives nor single files can be what a policy is taken from");
}

// Files that come back without the label that their checksum covers: what the command writes there, its fsck
// finds corrupt.
void CheckKeepsLabels(OstreeRepo* repo) {
  auto mode = ostree_repo_get_mode(repo);
  bool is_bare = mode == OSTREE_REPO_MODE_BARE || mode == OSTREE_REPO_MODE_BARE_USER_ONLY;
  if (is_bare && !StoresXattrs(repo))
    throw Failure("NOT_SUPPORTED",
                  "This repository keeps no extended attributes, and so no SELinux labels: it is "
                  "bare-user-only, or has core.disable-xattrs");
}

}  // namespace

std::shared_ptr<const SePolicy> PolicyAt(const std::string& path, GCancellable* cancellable) {
  RequireSelinux();
  return Load(path, path, cancellable);
}

// What ostree_sepolicy_new_from_commit does; that leaves its directory behind where it fails, and checks
// nothing.
std::shared_ptr<const SePolicy> PolicyIn(OstreeRepo* repo, const Checksum& contents,
                                         GCancellable* cancellable) {
  RequireSelinux();
  auto usr = Child(repo, contents, "usr");
  auto etc = usr ? Child(repo, usr->contents, "etc") : std::nullopt;
  auto selinux = etc ? Child(repo, etc->contents, "selinux") : std::nullopt;
  ScratchDirectory scratch;
  try {
    if (selinux) CheckOut(repo, *selinux, scratch.path(), cancellable);
    return Load(scratch.path(), "/", cancellable);
  } catch (Failure& failure) {
    // Of the commit, not of this machine.
    failure.message = "In the commit that the policy is taken from: " + failure.message;
    if (failure.path && failure.path->starts_with(scratch.path()))
      failure.path->erase(0, scratch.path().size());
    throw;
  }
}

std::shared_ptr<const SePolicy> PolicyOf(OstreeRepo* repo, const SelinuxSpec& spec, const CommitPlan& plan,
                                         GCancellable* cancellable) {
  std::shared_ptr<const SePolicy> policy;
  if (spec.policy) {
    policy = PolicyAt(*spec.policy, cancellable);
  } else if (plan.base) {
    policy = PolicyIn(repo, LoadCommitRoot(repo, *plan.base, "").contents, cancellable);
  } else {
    if (plan.sources.empty()) throw Failure("INVALID_ARGUMENT", "There is nothing to take a policy from");
    policy = OfSource(repo, plan.sources.front(), cancellable);
  }
  if (!policy->is_on()) return nullptr;
  CheckKeepsLabels(repo);
  return policy;
}

}  // namespace ostree
