#include "checkout.h"

#include "devino.h"
#include "engine/checkout.h"
#include "engine/links.h"
#include "engine/names.h"
#include "repo.h"
#include "repo_lock.h"
#include "rev.h"
#include "selinux.h"
#include "tree.h"

namespace ostree {
namespace {

struct CheckoutSpec {
  std::string rev, destination;
  std::optional<std::string> from;
  std::string subpath, overwrite;
  bool userMode = false, requireHardlinks = false, forceCopy = false, bareUserOnlyDirs = false;
  bool whiteouts = false, passthroughWhiteouts = false, allowNoent = false, fsync = false;
  std::optional<std::shared_ptr<DevInoHandle>> devino;
  std::vector<std::string> skip, skipGlobs;
  uint32_t concurrency = 0;
  std::optional<std::string> selinuxPolicy, selinuxPrefix;

  void Fields(auto&& field) {
    field("rev", rev);
    field("destination", destination);
    field("from", from);
    field("subpath", subpath);
    field("overwrite", overwrite);
    field("userMode", userMode);
    field("requireHardlinks", requireHardlinks);
    field("forceCopy", forceCopy);
    field("bareUserOnlyDirs", bareUserOnlyDirs);
    field("whiteouts", whiteouts);
    field("passthroughWhiteouts", passthroughWhiteouts);
    field("allowNoent", allowNoent);
    field("fsync", fsync);
    field("devino", devino);
    field("skip", skip);
    field("skipGlobs", skipGlobs);
    field("concurrency", concurrency);
    field("selinuxPolicy", selinuxPolicy);
    field("selinuxPrefix", selinuxPrefix);
  }
};

struct CheckoutResult : CheckoutStats {
  void Fields(auto&& field) {
    field("files", files);
    field("directories", directories);
    field("symlinks", symlinks);
    field("hardlinked", hardlinked);
    field("copied", copied);
    field("kept", kept);
    field("bytes", bytes);
    field("removed", removed);
  }
};

struct CheckoutProgress {
  std::string phase;
  uint64_t files, totalFiles, bytes;

  void Fields(auto&& field) {
    field("phase", phase);
    field("files", files);
    field("totalFiles", totalFiles);
    field("bytes", bytes);
  }
};

Overwrite OverwriteOf(const std::string& name) {
  if (name == "union-files") return Overwrite::kUnionFiles;
  if (name == "add-files") return Overwrite::kAddFiles;
  if (name == "union-identical") return Overwrite::kUnionIdentical;
  if (name == "none" || name.empty()) return Overwrite::kNone;
  throw Failure("INVALID_ARGUMENT", "No such way to overwrite: " + name);
}

// Nothing: it is not there, and need not be.
std::optional<CheckoutSource> FindSource(const CommitTree& tree, const CheckoutSpec& spec, bool may_lack) {
  try {
    auto found = tree.Find(spec.subpath, /* follow_last */ false);
    if (found.directory) return CheckoutSource{found.directory->contents, found.directory->metadata, {}, {}};
    return CheckoutSource{{}, {}, found.path.substr(found.path.rfind('/') + 1), found.checksum};
  } catch (const Failure& failure) {
    // With a checksum, an object is missing.
    if (may_lack && failure.Is("NOT_FOUND") && !failure.checksum) return std::nullopt;
    throw;
  }
}

CheckoutPlan PlanOf(OstreeRepo* handle, const CheckoutSpec& spec, CheckoutSource source) {
  // As libostree: nothing else makes sense there.
  bool user_mode = spec.userMode || ostree_repo_get_mode(handle) == OSTREE_REPO_MODE_BARE_USER_ONLY;
  return {.destination = spec.destination,
          .source = std::move(source),
          .from = {},
          .user_mode = user_mode,
          .overwrite = OverwriteOf(spec.overwrite),
          .require_hardlinks = spec.requireHardlinks,
          .force_copy = spec.forceCopy || spec.selinuxPolicy,
          .bare_user_only_dirs = spec.bareUserOnlyDirs,
          .whiteouts = spec.whiteouts,
          .passthrough_whiteouts = spec.passthroughWhiteouts,
          .fsync = spec.fsync,
          .policy = nullptr,
          .label_prefix = {},
          .drops_stored_labels = false,
          .devino = spec.devino.value_or(nullptr),
          .skip = spec.skip,
          .skip_globs = spec.skipGlobs,
          .concurrency = spec.concurrency};
}

// What ostree_repo_checkout_at() does with a policy. In a repository without attributes, it does nothing.
void AddPolicy(CheckoutPlan& plan, OstreeRepo* handle, const CheckoutSpec& spec, GCancellable* cancellable) {
  if (!spec.selinuxPolicy) return;
  if (spec.requireHardlinks) throw Failure("INVALID_ARGUMENT", "What is labelled by a policy is copied");
  auto policy = PolicyAt(*spec.selinuxPolicy, cancellable);
  // libostree ends the process.
  if (!policy->is_on())
    throw PathFailure("NOT_FOUND", "There is no SELinux policy that is switched on", *spec.selinuxPolicy);
  auto* config = ostree_repo_get_config(handle);
  if (g_key_file_get_boolean(config, "core", "disable-xattrs", nullptr)) return;
  plan.policy = policy;
  plan.drops_stored_labels = DropsStoredLabels();
  plan.label_prefix = spec.selinuxPrefix.value_or(spec.subpath);
  if (!plan.label_prefix.starts_with('/')) plan.label_prefix.insert(plan.label_prefix.begin(), '/');
  if (!plan.label_prefix.ends_with('/')) plan.label_prefix += '/';
}

// What the destination is updated from; nothing where that commit has no such directory.
CheckoutSource FindFrom(const Shared<OstreeRepo>& handle, const CheckoutSpec& spec, const CheckoutPlan& plan,
                        GCancellable* cancellable) {
  if (plan.overwrite != Overwrite::kUnionFiles || plan.whiteouts || plan.passthrough_whiteouts)
    throw Failure("INVALID_ARGUMENT", "An update neither overwrites in another way nor has whiteouts");
  try {
    CommitTree tree(handle, *spec.from, cancellable);
    auto from = FindSource(tree, spec, /* may_lack */ true);
    bool is_directory = plan.source.checksum.empty() && (!from || from->checksum.empty());
    if (!is_directory) throw tree.Fail("NOT_DIRECTORY", "Only a directory can be updated", spec.subpath);
    return from.value_or(CheckoutSource());
  } catch (Failure& failure) {
    failure.ref = *spec.from;
    throw;
  }
}

ReportProgress ReporterOf(Job& job) {
  if (!job.wants_progress()) return nullptr;
  return [&job](const EngineProgress& now) {
    Report(job, CheckoutProgress{now.phase, now.files, now.total_files, now.bytes});
  };
}

CheckoutResult CheckOut(Shared<OstreeRepo> handle, const CheckoutSpec& spec, Job& job) {
  CommitTree tree(handle, spec.rev, job.cancellable());
  try {
    auto source = FindSource(tree, spec, spec.allowNoent);
    if (!source) return {};
    auto plan = PlanOf(handle.get(), spec, std::move(*source));
    AddPolicy(plan, handle.get(), spec, job.cancellable());
    if (spec.from) plan.from = FindFrom(handle, spec, plan, job.cancellable());
    return {RunCheckout(plan, handle.get(), job.cancellable(), ReporterOf(job))};
  } catch (Failure& failure) {
    if (!failure.ref) failure.ref = spec.rev;
    ExplainMissing(handle.get(), *failure.ref, failure);
    throw;
  }
}

}  // namespace

// What ostree_repo_checkout_at does, on all cores.
Napi::Value CheckoutRun(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto spec = args.Next<CheckoutSpec>("spec");
  return Async(args, repo->SharedWork("a checkout"), [repo, spec](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    return CheckOut(handle, spec, job);
  });
}

}  // namespace ostree
