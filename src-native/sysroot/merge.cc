#include "merge.h"

#include "deployment.h"
#include "init.h"
#include "repo/rev.h"
#include "sysroot.h"

namespace ostree {
namespace {

struct MergeSource {
  Snapshot deployments;
  std::string checksum;           // what the revision stands for
  std::optional<std::string> id;  // none: there is nothing to merge with

  void Fields(auto&& field) {
    field("deployments", deployments);
    field("checksum", checksum);
    field("id", id);
  }
};

}  // namespace

// ostree_sysroot_get_merge_deployment
Napi::Value SysrootMergeSource(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto rev = args.Next<std::string>("rev");
  auto stateroot = args.Next<std::optional<std::string>>("stateroot");
  return Async(args, sysroot->Work(), [sysroot, rev, stateroot](Job& job) {
    sysroot->Load(job.cancellable());
    auto chosen = ChooseStateroot(*sysroot, stateroot);
    MergeSource source;
    source.checksum = ResolveRev(sysroot->repo_handle(), rev);
    auto merge =
        Shared<OstreeDeployment>::Take(ostree_sysroot_get_merge_deployment(sysroot->get(), chosen.c_str()));
    if (merge) source.id = IdOf(merge.get());
    source.deployments = TakeSnapshot(*sysroot);
    return source;
  });
}

}  // namespace ostree
