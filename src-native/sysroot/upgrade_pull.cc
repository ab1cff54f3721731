#include "upgrade_pull.h"

#include "deployment.h"
#include "repo/remote_check.h"
#include "repo/rev.h"
#include "sysroot.h"

namespace ostree {
namespace {

constexpr guint32 kUpdateFrequency = 100;  // milliseconds

struct PullRequest {
  std::string remote, ref, refspec;
  std::optional<std::string> newerThan;  // a commit: what is older is refused

  void Fields(auto&& field) {
    field("remote", remote);
    field("ref", ref);
    field("refspec", refspec);
    field("newerThan", newerThan);
  }
};

struct PullState {
  uint32_t fetched = 0, requested = 0;
  uint64_t bytesTransferred = 0;

  void Fields(auto&& field) {
    field("fetched", fetched);
    field("requested", requested);
    field("bytesTransferred", bytesTransferred);
  }
};

// Reports what libostree says of a pull while it lives.
class PullProgress {
 public:
  explicit PullProgress(Job& job) : job_(job) {
    if (!job.wants_progress()) return;
    progress_ = Shared<OstreeAsyncProgress>::Take(ostree_async_progress_new());
    handler_ = g_signal_connect(progress_.get(), "changed", G_CALLBACK(OnChanged), this);
    Report(job, PullState());  // libostree itself says nothing of a short pull
  }
  ~PullProgress() {
    if (!progress_) return;
    g_signal_handler_disconnect(progress_.get(), handler_);
    ostree_async_progress_finish(progress_.get());  // or its idle source outlives it
  }
  PullProgress(const PullProgress&) = delete;

  OstreeAsyncProgress* get() const { return progress_.get(); }

 private:
  static void OnChanged(OstreeAsyncProgress* progress, void* self) {
    PullState state;
    state.fetched = ostree_async_progress_get_uint(progress, "fetched");
    state.requested = ostree_async_progress_get_uint(progress, "requested");
    state.bytesTransferred = ostree_async_progress_get_uint64(progress, "bytes-transferred");
    Report(static_cast<PullProgress*>(self)->job_, state);
  }

  Job& job_;
  Shared<OstreeAsyncProgress> progress_;
  gulong handler_ = 0;
};

void Pull(OstreeRepo* repo, const PullRequest& request, OstreeAsyncProgress* progress,
          GCancellable* cancellable) {
  GVariantDict dict;
  g_variant_dict_init(&dict, nullptr);
  const char* refs[] = {request.ref.c_str(), nullptr};
  g_variant_dict_insert_value(&dict, "refs", g_variant_new_strv(refs, 1));
  if (request.newerThan)
    g_variant_dict_insert(&dict, "timestamp-check-from-rev", "s", request.newerThan->c_str());
  g_variant_dict_insert(&dict, "update-frequency", "u", kUpdateFrequency);
  auto options = Shared<GVariant>::Share(g_variant_dict_end(&dict));
  Try(ostree_repo_pull_with_options, repo, request.remote.c_str(), options.get(), progress, cancellable);
}

// What is wanted, and where its end of life names another ref, that as well.
void PullAll(OstreeRepo* repo, PullRequest request, OstreeAsyncProgress* progress,
             GCancellable* cancellable) {
  CheckRemoteConfig(repo, request.remote);
  Pull(repo, request, progress, cancellable);
  auto checksum = ResolveRev(repo, request.refspec);
  auto rebase = CommitText(repo, checksum, OSTREE_COMMIT_META_KEY_ENDOFLIFE_REBASE);
  if (!rebase) return;
  request.ref = *rebase;
  request.newerThan.reset();
  Pull(repo, request, progress, cancellable);
}

}  // namespace

// ostree_repo_pull_with_options
Napi::Value SysrootUpgradePull(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Sysroot>("sysroot")->repo();
  auto request = args.Next<PullRequest>("request");
  auto executor = Abandonable(repo->SharedWork("the pull of an upgrade"));
  return Async(args, executor, [repo, request](Job& job) {
    WithRemote(request.remote, [&] {
      auto handle = repo->OpenWriter(job.cancellable());
      PullProgress progress(job);
      PullAll(handle.get(), request, progress.get(), job.cancellable());
    });
  });
}

}  // namespace ostree
