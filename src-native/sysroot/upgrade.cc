#include "upgrade.h"

#include "core/validate.h"
#include "init.h"
#include "new_deployment.h"
#include "repo/rev.h"
#include "repo/summary_commits.h"
#include "sysroot.h"

namespace ostree {
namespace {

struct UpgradeRequest {
  std::optional<std::string> stateroot;
  std::optional<std::string> refspec;         // to switch to: "remote:ref", "ref", "remote:"
  std::optional<std::string> overrideCommit;  // to take instead of the latest
  bool allowDowngrade = false, deploy = true, stage = false;

  void Fields(auto&& field) {
    field("stateroot", stateroot);
    field("refspec", refspec);
    field("overrideCommit", overrideCommit);
    field("allowDowngrade", allowDowngrade);
    field("deploy", deploy);
    field("stage", stage);
  }
};

// What must be in the repository before the upgrade can go on.
struct UpgradePlan {
  std::string refspec, from;
  std::optional<std::string> remote;  // none: a local ref, and nothing to pull
  std::string ref;                    // what to pull: the ref, or the commit to take instead

  void Fields(auto&& field) {
    field("refspec", refspec);
    field("from", from);
    field("remote", remote);
    field("ref", ref);
  }
};

struct Upgraded {
  bool changed = false;
  std::string checksum;
  Nullable<std::string> version;
  std::optional<Changed> deployed;

  void Fields(auto&& field) {
    field("changed", changed);
    field("checksum", checksum);
    field("version", version);
    field("deployed", deployed);
  }
};

struct Refspec {
  Owned<char> remote, ref;

  explicit Refspec(const std::string& text) {
    Try(ostree_parse_refspec, text.c_str(), Out(remote), Out(ref));
  }
  std::string text() const { return (remote ? std::string(remote.get()) + ":" : "") + ref.get(); }
};

std::string OriginKey(GKeyFile* origin, const char* key) {
  Owned<char> value(g_key_file_get_string(origin, "origin", key, nullptr));
  return value ? value.get() : "";
}

// A remote alone keeps the ref, a ref alone the remote.
std::string SwitchTo(const std::string& wanted, const std::string& current) {
  Refspec before(current);
  if (wanted.ends_with(':')) return wanted + before.ref.get();
  Refspec after(wanted);
  return after.remote || !before.remote ? after.text()
                                        : std::string(before.remote.get()) + ":" + after.text();
}

// One deployment on its way to the next.
struct Upgrader {
  std::string stateroot;
  Shared<OstreeDeployment> merge;
  Shared<OstreeSysrootUpgrader> upgrader;
  std::string before;  // the refspec that was followed

  GKeyFile* origin() const { return ostree_sysroot_upgrader_get_origin(upgrader.get()); }
  std::string refspec() const { return OriginKey(origin(), "refspec"); }
};

Owned<GKeyFile> FollowedOrigin(const UpgradeRequest& request, const Upgrader& upgrader) {
  if (request.refspec) {
    auto refspec = SwitchTo(*request.refspec, upgrader.before);
    if (refspec == upgrader.before)
      throw Failure("INVALID_ARGUMENT", "Old and new refs are equal: " + refspec);
    return FromOrigin({{"refspec", refspec}});
  }
  auto origin = CopyOrigin(upgrader.merge.get());
  ostree_deployment_origin_remove_transient_state(origin.get());
  return origin;
}

Owned<GKeyFile> NextOrigin(const UpgradeRequest& request, const Upgrader& upgrader) {
  auto origin = FollowedOrigin(request, upgrader);
  if (request.overrideCommit)
    g_key_file_set_string(origin.get(), "origin", "override-commit", request.overrideCommit->c_str());
  return origin;
}

Upgrader Prepare(Sysroot& sysroot, const UpgradeRequest& request, GCancellable* cancellable) {
  auto* handle = sysroot.LoadForChange(cancellable);
  if (request.stage) RequireBooted(sysroot);
  Upgrader result;
  result.stateroot = ChooseStateroot(sysroot, request.stateroot);
  result.merge =
      Shared<OstreeDeployment>::Take(ostree_sysroot_get_merge_deployment(handle, result.stateroot.c_str()));
  if (!result.merge)
    throw Failure("NOT_FOUND",
                  "There is no deployment of '" + result.stateroot + "' to upgrade: deploy() makes one");
  // Not ..._FLAGS_NONE, which is 1 and no flag that the type knows.
  auto flags = static_cast<OstreeSysrootUpgraderFlags>(
      request.refspec ? OSTREE_SYSROOT_UPGRADER_FLAGS_IGNORE_UNCONFIGURED : 0);
  result.upgrader = Shared<OstreeSysrootUpgrader>::Take(Try(
      ostree_sysroot_upgrader_new_for_os_with_flags, handle, result.stateroot.c_str(), flags, cancellable));
  result.before = result.refspec();
  auto origin = NextOrigin(request, result);
  Try(ostree_sysroot_upgrader_set_origin, result.upgrader.get(), origin.get(), cancellable);
  return result;
}

// With nothing to fetch any more: follows a rebase, moves the ref to an override, refuses what is older.
bool PullSynthetic(const Upgrader& upgrader, bool allow_older, GCancellable* cancellable) {
  int flags = OSTREE_SYSROOT_UPGRADER_PULL_FLAGS_SYNTHETIC;
  if (allow_older) flags |= OSTREE_SYSROOT_UPGRADER_PULL_FLAGS_ALLOW_OLDER;
  gboolean changed = FALSE;
  Try(ostree_sysroot_upgrader_pull, upgrader.upgrader.get(), OSTREE_REPO_PULL_FLAGS_NONE,
      static_cast<OstreeSysrootUpgraderPullFlags>(flags), nullptr, &changed, cancellable);
  return changed;
}

// As ostree_sysroot_upgrader_deploy() does it, which would not tell what it deployed.
Changed DeployUpgrade(Sysroot& sysroot, const UpgradeRequest& request, const Upgrader& upgrader,
                      const std::string& checksum, Job& job) {
  DeployProgress progress(sysroot, job);
  progress.Phase("prepare");
  NewDeployment plan;
  plan.stateroot = upgrader.stateroot;
  plan.checksum = checksum;
  plan.origin = Owned<GKeyFile>(g_key_file_ref(upgrader.origin()));
  plan.merge = upgrader.merge;
  plan.stage = request.stage;
  plan.flags = OSTREE_SYSROOT_SIMPLE_WRITE_DEPLOYMENT_FLAGS_NO_CLEAN;
  return Deploy(sysroot, plan, progress, job);
}

// What is followed no more need not be kept. The switch has been made by then.
void DropRef(OstreeRepo* repo, const std::string& refspec, Changed& changed) {
  try {
    Refspec before(refspec);
    Try(ostree_repo_set_ref_immediate, repo, before.remote.get(), before.ref.get(), nullptr, nullptr);
  } catch (const Failure& failure) {
    changed.warning = failure.message;
  }
}

Upgraded Upgrade(Sysroot& sysroot, const UpgradeRequest& request, Job& job) {
  auto upgrader = Prepare(sysroot, request, job.cancellable());
  CheckAutoSummary(sysroot.repo_handle(), {}, job.cancellable());  // refs may move
  bool switching = request.refspec.has_value();
  Upgraded result;
  result.changed = PullSynthetic(upgrader, request.allowDowngrade, job.cancellable());
  result.checksum = OriginKey(upgrader.origin(), "override-commit");
  if (result.checksum.empty()) result.checksum = ResolveRev(sysroot.repo_handle(), upgrader.refspec());
  if (auto version = CommitText(sysroot.repo_handle(), result.checksum, OSTREE_COMMIT_META_KEY_VERSION))
    result.version = *version;
  if (!request.deploy || !(result.changed || switching)) return result;
  result.deployed = DeployUpgrade(sysroot, request, upgrader, result.checksum, job);
  if (switching) DropRef(sysroot.repo_handle(), upgrader.before, *result.deployed);
  return result;
}

}  // namespace

// ostree_sysroot_upgrader_new_for_os_with_flags, ostree_sysroot_upgrader_set_origin
Napi::Value SysrootUpgradePlan(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto request = args.Next<UpgradeRequest>("request");
  return Async(args, sysroot->Work(), [sysroot, request](Job& job) {
    auto upgrader = Prepare(*sysroot, request, job.cancellable());
    UpgradePlan plan;
    plan.refspec = upgrader.refspec();
    plan.from = ostree_deployment_get_csum(upgrader.merge.get());
    Refspec refspec(plan.refspec);
    if (refspec.remote) plan.remote = refspec.remote.get();
    plan.ref = request.overrideCommit ? *request.overrideCommit : refspec.ref.get();
    return plan;
  });
}

// The ref to go on with, where the commit of this one says that its life has ended.
Napi::Value SysrootUpgradeRebase(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto refspec = args.Next<std::string>("refspec");
  return Async(args, sysroot->Work(), [sysroot, refspec](Job&) {
    auto checksum = ResolveRev(sysroot->repo_handle(), refspec);
    auto rebase = CommitText(sysroot->repo_handle(), checksum, OSTREE_COMMIT_META_KEY_ENDOFLIFE_REBASE);
    if (rebase) CheckRef(*rebase, "What the commit " + checksum + " names to go on with");
    return rebase;
  });
}

// ostree_sysroot_upgrader_pull, ostree_sysroot_deploy_tree_with_options,
// ostree_sysroot_simple_write_deployment
Napi::Value SysrootUpgradeDeploy(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto request = args.Next<UpgradeRequest>("request");
  return Async(args, sysroot->Change("an upgrade"),
               [sysroot, request](Job& job) { return Upgrade(*sysroot, request, job); });
}

}  // namespace ostree
