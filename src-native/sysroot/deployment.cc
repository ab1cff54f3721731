#include "deployment.h"

#include <algorithm>

#include "core/variant.h"
#include "kernel_args.h"
#include "sysroot.h"

namespace ostree {
namespace {

constexpr const char* kOriginGroup = "origin";

std::vector<std::string> OverlayInitrds(OstreeDeployment* deployment) {
  std::vector<std::string> result;
  auto* bootconfig = ostree_deployment_get_bootconfig(deployment);
  char** paths = bootconfig ? ostree_bootconfig_parser_get_overlay_initrds(bootconfig) : nullptr;
  for (char** path = paths; path && *path; path++) result.push_back(ValidUtf8(*path));
  return result;
}

struct Roles {
  OstreeDeployment* booted;
  Shared<OstreeDeployment> pending, rollback;
};

// What ostree_sysroot_query_deployments_for() says, and for a sysroot that is
// not booted what its documentation says: the first one is what boots next.
Roles FindRoles(const Sysroot& sysroot) {
  Roles roles = {ostree_sysroot_get_booted_deployment(sysroot.get()), {}, {}};
  if (roles.booted) {
    ostree_sysroot_query_deployments_for(sysroot.get(), nullptr, Out(roles.pending), Out(roles.rollback));
    return roles;
  }
  auto deployments = Deployments(sysroot);
  if (deployments.empty()) return roles;
  roles.pending = deployments.front();
  std::string stateroot = ostree_deployment_get_osname(roles.pending.get());
  auto next = std::find_if(deployments.begin() + 1, deployments.end(), [&](const auto& deployment) {
    return stateroot == ostree_deployment_get_osname(deployment.get());
  });
  if (next != deployments.end()) roles.rollback = *next;
  return roles;
}

DeploymentInfo Describe(const Sysroot& sysroot, OstreeDeployment* deployment, const Roles& roles) {
  DeploymentInfo info;
  info.id = IdOf(deployment);
  info.index = ostree_deployment_get_index(deployment);
  info.stateroot = ValidUtf8(ostree_deployment_get_osname(deployment));
  info.checksum = ostree_deployment_get_csum(deployment);
  info.deploySerial = ostree_deployment_get_deployserial(deployment);
  info.bootSerial = ostree_deployment_get_bootserial(deployment);
  if (auto* checksum = ostree_deployment_get_bootcsum(deployment)) info.bootChecksum = ValidUtf8(checksum);
  if (auto version = CommitText(sysroot.repo_handle(), info.checksum, OSTREE_COMMIT_META_KEY_VERSION))
    info.version = *version;
  if (auto* origin = ostree_deployment_get_origin(deployment)) info.origin = ToOrigin(origin);
  info.kernelArgs = KernelArgsOf(deployment);
  info.overlayInitrds = OverlayInitrds(deployment);
  info.booted = deployment == roles.booted;
  info.staged = ostree_deployment_is_staged(deployment);
  info.pending = deployment == roles.pending.get();
  info.rollback = deployment == roles.rollback.get();
  info.pinned = ostree_deployment_is_pinned(deployment);
  info.unlocked = ostree_deployment_unlocked_state_to_string(ostree_deployment_get_unlocked(deployment));
  Owned<char> path(ostree_sysroot_get_deployment_dirpath(sysroot.get(), deployment));
  info.path = ValidUtf8((sysroot.path() == "/" ? "/" : sysroot.path() + "/") + path.get());
  return info;
}

}  // namespace

DeploymentList Deployments(const Sysroot& sysroot) {
  auto array = Shared<GPtrArray>::Take(ostree_sysroot_get_deployments(sysroot.get()));
  DeploymentList result;
  for (guint i = 0; i < array.get()->len; i++)
    result.push_back(Shared<OstreeDeployment>::Share(static_cast<OstreeDeployment*>(array.get()->pdata[i])));
  return result;
}

std::string IdOf(OstreeDeployment* deployment) {
  return ValidUtf8(std::string(ostree_deployment_get_osname(deployment)) + "-" +
                   ostree_deployment_get_csum(deployment) + "." +
                   std::to_string(ostree_deployment_get_deployserial(deployment)));
}

Shared<OstreeDeployment> FindDeployment(const Sysroot& sysroot, const std::string& id) {
  for (auto& deployment : Deployments(sysroot))
    if (IdOf(deployment.get()) == id) return deployment;
  throw Failure("NOT_FOUND", "There is no deployment '" + id + "' in the sysroot " + sysroot.path() +
                                 " (any more): look at its deployments again");
}

const char* BootOptions(OstreeDeployment* deployment) {
  auto* bootconfig = ostree_deployment_get_bootconfig(deployment);
  return bootconfig ? ostree_bootconfig_parser_get(bootconfig, "options") : nullptr;
}

Shared<OstreeDeployment> RollbackDeployment(const Sysroot& sysroot) { return FindRoles(sysroot).rollback; }

Snapshot TakeSnapshot(const Sysroot& sysroot) {
  auto roles = FindRoles(sysroot);
  Snapshot snapshot;
  for (auto& deployment : Deployments(sysroot))
    snapshot.push_back(Describe(sysroot, deployment.get(), roles));
  return snapshot;
}

std::optional<std::string> CommitText(OstreeRepo* repo, const std::string& checksum, const char* key) {
  Shared<GVariant> commit;
  try {
    Try(ostree_repo_load_variant, repo, OSTREE_OBJECT_TYPE_COMMIT, checksum.c_str(), Out(commit));
  } catch (const Failure&) {
    return std::nullopt;
  }
  auto metadata = Shared<GVariant>::Take(g_variant_get_child_value(NormalForm(commit.get()).get(), 0));
  const char* text = nullptr;
  if (!g_variant_lookup(metadata.get(), key, "&s", &text)) return std::nullopt;
  return text;
}

Origin ToOrigin(GKeyFile* file) {
  Origin origin;
  OwnedStrv groups(g_key_file_get_groups(file, nullptr));
  for (char** group = groups.get(); *group; group++) {
    OwnedStrv keys(Try(g_key_file_get_keys, file, *group, nullptr));
    for (char** key = keys.get(); *key; key++) {
      // What is no string (a bad escape, another encoding) is shown as it stands in the file.
      Owned<char> value(g_key_file_get_string(file, *group, *key, nullptr));
      if (!value) value = Owned<char>(Try(g_key_file_get_value, file, *group, *key));
      auto prefix = std::string(*group) == kOriginGroup ? "" : std::string(*group) + ".";
      origin[ValidUtf8(prefix + *key)] = ValidUtf8(value.get());
    }
  }
  return origin;
}

Owned<GKeyFile> FromOrigin(const Origin& origin) {
  Owned<GKeyFile> file(g_key_file_new());
  for (const auto& [name, value] : origin) {
    auto dot = name.find('.');
    auto group = dot == name.npos ? kOriginGroup : name.substr(0, dot);
    auto key = dot == name.npos ? name : name.substr(dot + 1);
    g_key_file_set_string(file.get(), group.c_str(), key.c_str(), value.c_str());
  }
  return file;
}

Owned<GKeyFile> CopyOrigin(OstreeDeployment* deployment) {
  Owned<GKeyFile> copy(g_key_file_new());
  auto* origin = ostree_deployment_get_origin(deployment);
  if (!origin) return copy;
  gsize length = 0;
  Owned<char> text(Try(g_key_file_to_data, origin, &length));
  if (length) Try(g_key_file_load_from_data, copy.get(), text.get(), length, G_KEY_FILE_KEEP_COMMENTS);
  return copy;
}

}  // namespace ostree
