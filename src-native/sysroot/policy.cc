#include "policy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/dynamic.h"
#include "engine/load_file.h"
#include "engine/names.h"
#include "engine/objects.h"
#include "repo/selinux.h"

namespace ostree {
namespace {

std::optional<Checksum> Child(OstreeRepo* repo, const Checksum& contents, const std::string& name) {
  for (const auto& child : LoadDirTree(repo, contents).dirs)
    if (child.name == name) return child.contents;
  return {};
}

// libostree's checkout takes the length of a label that is not there.
void CheckLabelled(OstreeRepo* repo, const SePolicy& policy, const Checksum& etc, GCancellable* cancellable) {
  std::vector<std::pair<std::string, Checksum>> todo{{"/etc", etc}};
  while (!todo.empty()) {
    ThrowIfCancelled(cancellable);
    auto [path, contents] = todo.back();
    todo.pop_back();
    auto entries = LoadDirTree(repo, contents);
    for (const auto& child : entries.dirs) todo.emplace_back(path + "/" + child.name, child.contents);
    for (const auto& file : entries.files) {
      auto of = path + "/" + file.name;
      if (policy.Label(of, S_IFREG)) continue;
      if (LoadFile(repo, file.checksum.Hex(), kFileInfo, cancellable).info.is_symlink()) continue;
      throw PathFailure("NOT_SUPPORTED",
                        "The SELinux policy of the commit has no label for a file of its /usr/etc, without "
                        "which libostree cannot deploy it",
                        of);
    }
  }
}

}  // namespace

DeploymentPolicies::DeploymentPolicies(const Sysroot& sysroot, const DeploymentList& deployments,
                                       GCancellable* cancellable)
    : turn_(cancellable) {
  for (const auto& deployment : deployments) {
    if (!deployment) continue;
    Owned<char> path(ostree_sysroot_get_deployment_dirpath(sysroot.get(), deployment.get()));
    Fd root(openat(ostree_sysroot_get_fd(sysroot.get()), path.get(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root) CheckPolicy(root.get(), path.get());
  }
}

void CheckCommitPolicy(const Sysroot& sysroot, const std::string& commit, GCancellable* cancellable) {
  if (!LibostreeNeeds("libselinux").value_or(true)) return;
  auto* repo = sysroot.repo_handle();
  auto root = LoadCommitRoot(repo, Checksum::FromHex(commit), "").contents;
  auto usr = Child(repo, root, "usr");
  auto etc = usr ? Child(repo, *usr, "etc") : std::nullopt;
  // libostree renames it, loads the policy, and fails for want of a /usr/etc in the commit.
  auto old_etc = etc ? std::nullopt : Child(repo, root, "etc");
  if (old_etc && Child(repo, *old_etc, "selinux"))
    throw Failure("NOT_SUPPORTED",
                  "A commit with its SELinux policy in /etc, not in /usr/etc, cannot be deployed");
  if (!etc || !Child(repo, *etc, "selinux")) return;
  auto policy = PolicyIn(repo, root, cancellable);
  bool labels = policy->is_on() && StoresXattrs(repo);
  if (labels) CheckLabelled(repo, *policy, *etc, cancellable);
}

}  // namespace ostree
