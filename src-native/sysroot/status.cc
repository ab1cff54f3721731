#include "status.h"

#include "deployment.h"
#include "repo/keyring.h"
#include "sysroot.h"

namespace ostree {
namespace {

// Of one deployment, beside what its DeploymentInfo says.
struct StatusDetails {
  std::optional<std::string> sourceTitle;  // ostree.source-title of its commit
  std::string signatures;                  // lines about its GPG signatures, where its remote asks for them

  void Fields(auto&& field) {
    field("sourceTitle", sourceTitle);
    field("signatures", signatures);
  }
};

struct Status {
  Snapshot deployments;
  std::vector<StatusDetails> details;  // in the same order

  void Fields(auto&& field) {
    field("deployments", deployments);
    field("details", details);
  }
};

// The remote it follows; none when its origin names none.
std::optional<std::string> RemoteOf(OstreeDeployment* deployment) {
  auto* origin = ostree_deployment_get_origin(deployment);
  if (!origin) return std::nullopt;
  auto keys = ToOrigin(origin);
  Owned<char> remote;
  try {
    Try(ostree_parse_refspec, keys["refspec"].c_str(), Out(remote), nullptr);
  } catch (const Failure&) {
    return std::nullopt;
  }
  if (!remote) return std::nullopt;
  return remote.get();
}

bool AsksForSignatures(OstreeRepo* repo, const std::string& remote) {
  gboolean verify = FALSE;
  try {
    Try(ostree_repo_remote_get_gpg_verify, repo, remote.c_str(), &verify);
  } catch (const Failure&) {
    return false;  // the remote is gone
  }
  return verify;
}

// As the command prints them. A commit that cannot be checked is a line, too: the rest of the status is still
// worth having.
std::string SignatureLines(const Sysroot& sysroot, const std::string& checksum, const std::string& remote,
                           GCancellable* cancellable) {
  auto* repo = sysroot.repo_handle();
  constexpr const char* kPrefix = "    GPG: ";
  try {
    CheckKeyrings(*sysroot.repo(), repo, remote);
    auto result = Shared<OstreeGpgVerifyResult>::Take(
        Try(ostree_repo_verify_commit_for_remote, repo, checksum.c_str(), remote.c_str(), cancellable));
    Owned<GString> lines(g_string_new(nullptr));
    for (guint i = 0; i < ostree_gpg_verify_result_count_all(result.get()); i++)
      ostree_gpg_verify_result_describe(result.get(), i, lines.get(), kPrefix,
                                        OSTREE_GPG_SIGNATURE_FORMAT_DEFAULT);
    return ValidUtf8(lines->str);
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED")) throw;
    return kPrefix + failure.message + "\n";
  }
}

StatusDetails Details(const Sysroot& sysroot, OstreeDeployment* deployment, GCancellable* cancellable) {
  auto* repo = sysroot.repo_handle();
  std::string checksum = ostree_deployment_get_csum(deployment);
  StatusDetails details;
  details.sourceTitle = CommitText(repo, checksum, OSTREE_COMMIT_META_KEY_SOURCE_TITLE);
  auto remote = RemoteOf(deployment);
  if (remote && AsksForSignatures(repo, *remote))
    details.signatures = SignatureLines(sysroot, checksum, *remote, cancellable);
  return details;
}

}  // namespace

// ostree_sysroot_load_if_changed, ostree_repo_verify_commit_for_remote
Napi::Value SysrootStatus(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job& job) {
    sysroot->Load(job.cancellable());
    Try(ostree_repo_reload_config, sysroot->repo_handle(), job.cancellable());
    Status status = {TakeSnapshot(*sysroot), {}};
    for (auto& deployment : Deployments(*sysroot))
      status.details.push_back(Details(*sysroot, deployment.get(), job.cancellable()));
    return status;
  });
}

}  // namespace ostree
