#include "write.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <set>

#include "engine/tree_check.h"
#include "policy.h"
#include "repo/collection_refs.h"
#include "repo/ref_targets.h"
#include "repo/summary_commits.h"
#include "sysroot.h"

namespace ostree {
namespace {

bool Exists(const Sysroot& sysroot, const char* path) {
  return faccessat(ostree_sysroot_get_fd(sysroot.get()), path, F_OK, 0) == 0;
}

// Whether GRUB may be what libostree finds: it looks for its files when the config leaves it the choice.
bool MayBeGrub(const Sysroot& sysroot, const std::string& configured) {
  if (configured != "auto") return configured == "grub2";
  return Exists(sysroot, "boot/grub/grub.cfg") || Exists(sysroot, "boot/grub2/grub.cfg") ||
         Exists(sysroot, "boot/efi/EFI");
}

}  // namespace

void CheckBootLoader(const Sysroot& sysroot, size_t deployments) {
  if (ostree_sysroot_get_booted_deployment(sysroot.get())) return;
  std::string configured = ostree_repo_get_bootloader(sysroot.repo_handle());
  if (configured == "zipl")
    throw Failure("NOT_SUPPORTED",
                  "With sysroot.bootloader=zipl, deployments can be written on the booted system only");
  if (deployments == 0 && MayBeGrub(sysroot, configured))
    throw Failure("NOT_SUPPORTED",
                  "With GRUB, the last deployment cannot be removed: there would be nothing to boot");
}

Changed WriteDeployments(Sysroot& sysroot, const DeploymentList& deployments) {
  CheckBootLoader(sysroot, deployments.size());
  auto array = Shared<GPtrArray>::Take(g_ptr_array_new());
  for (const auto& deployment : deployments) g_ptr_array_add(array.get(), deployment.get());
  OstreeSysrootWriteDeploymentsOpts options = {};
  {
    DeploymentPolicies policies(sysroot, deployments, nullptr);
    // Not cancellable: half of it is no state to be in.
    Try(ostree_sysroot_write_deployments_with_options, sysroot.get(), array.get(), &options, nullptr);
  }
  return AfterChange(sysroot);
}

void PrepareCleanUp(const Sysroot& sysroot, GCancellable* cancellable) {
  CheckAutoSummary(sysroot.repo_handle(), {}, cancellable);
  Try(ostree_sysroot_prepare_cleanup, sysroot.get(), cancellable);
}

// ostree_sysroot_cleanup, which prunes: of every commit that is kept it follows the directories, wherever
// they lead.
void CleanUp(Sysroot& sysroot, GCancellable* cancellable) {
  auto* repo = sysroot.repo_handle();
  CheckMirrors(repo);
  CheckAutoSummary(repo, {}, cancellable);
  std::set<Checksum> commits;
  for (const auto& ref : ListKeptRefs(repo, cancellable))
    if (ostree_validate_checksum_string(ref.target.c_str(), nullptr))
      commits.insert(Checksum::FromHex(ref.target));
  for (const auto& deployment : Deployments(sysroot))
    commits.insert(Checksum::FromHex(ostree_deployment_get_csum(deployment.get())));

  TreeCheck check(repo, TreeCheck::Missing::kIsLeft, cancellable);
  std::vector<Checksum> dirtrees;
  for (const auto& commit : commits)
    if (auto links = check.Commit(commit)) dirtrees.push_back(links->root.contents);
  check.Load(dirtrees);
  check.CheckDepth(dirtrees);
  Try(ostree_sysroot_cleanup, sysroot.get(), cancellable);
}

Changed AfterChange(Sysroot& sysroot) {
  ReapChildren();
  Changed changed;
  try {
    CleanUp(sysroot, nullptr);
  } catch (const Failure& failure) {
    changed.warning = failure.message;
  }
  changed.deployments = TakeSnapshot(sysroot);
  return changed;
}

void ReapChildren() {
  // __WNOTHREAD: of this thread only; other children belong to Node.
  while (waitpid(-1, nullptr, WNOHANG | __WNOTHREAD) > 0) continue;
}

}  // namespace ostree
