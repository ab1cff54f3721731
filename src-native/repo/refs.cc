#include "refs.h"

#include "repo.h"
#include "rev.h"

namespace ostree {

// ostree_repo_resolve_rev_ext
Napi::Value RefResolve(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto local_only = args.Next<bool>("localOnly");
  return Async(args, repo->ReadWork(), [repo, rev, local_only](Job&) {
    auto flags = local_only ? OSTREE_REPO_RESOLVE_REV_EXT_LOCAL_ONLY : OSTREE_REPO_RESOLVE_REV_EXT_NONE;
    return ResolveRev(repo->reader().get(), rev, flags);
  });
}

}  // namespace ostree
