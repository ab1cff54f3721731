// What JS sees of the deployments of a sysroot: plain values, taken together.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

class Sysroot;

// The keys of an origin file: those of its group [origin] by their names, those of others as "group.key".
using Origin = std::map<std::string, std::string>;

struct DeploymentInfo {
  std::string id, stateroot, checksum, unlocked, path;
  int index = 0, deploySerial = 0, bootSerial = 0;
  Nullable<std::string> bootChecksum, version;
  Nullable<Origin> origin;
  std::vector<std::string> kernelArgs, overlayInitrds;
  bool booted = false, staged = false, pending = false, rollback = false, pinned = false;

  void Fields(auto&& field) {
    field("id", id);
    field("index", index);
    field("stateroot", stateroot);
    field("checksum", checksum);
    field("deploySerial", deploySerial);
    field("bootChecksum", bootChecksum);
    field("bootSerial", bootSerial);
    field("version", version);
    field("origin", origin);
    field("kernelArgs", kernelArgs);
    field("overlayInitrds", overlayInitrds);
    field("booted", booted);
    field("staged", staged);
    field("pending", pending);
    field("rollback", rollback);
    field("pinned", pinned);
    field("unlocked", unlocked);
    field("path", path);
  }
};

using Snapshot = std::vector<DeploymentInfo>;
using DeploymentList = std::vector<Shared<OstreeDeployment>>;  // what boots next comes first

// What a change resolves to.
struct Changed {
  Snapshot deployments;
  std::optional<std::string> id;       // the deployment it made
  std::optional<std::string> warning;  // it took effect, but what follows did not

  void Fields(auto&& field) {
    field("deployments", deployments);
    field("id", id);
    field("warning", warning);
  }
};

// All for the sysroot's own thread, after Load().
Snapshot TakeSnapshot(const Sysroot& sysroot);
DeploymentList Deployments(const Sysroot& sysroot);
std::string IdOf(OstreeDeployment* deployment);
// By its id; NOT_FOUND when it is no longer there.
Shared<OstreeDeployment> FindDeployment(const Sysroot& sysroot, const std::string& id);
// The boot loader's options for it, as they stand in its entry.
const char* BootOptions(OstreeDeployment* deployment);
// The deployment behind the one that boots next, or behind the booted one; null when there is none.
Shared<OstreeDeployment> RollbackDeployment(const Sysroot& sysroot);

// A text in the metadata of a commit; none when there is no such text, or no such commit (any more).
std::optional<std::string> CommitText(OstreeRepo* repo, const std::string& checksum, const char* key);

Origin ToOrigin(GKeyFile* file);
Owned<GKeyFile> FromOrigin(const Origin& origin);
// An empty one where the deployment has none.
Owned<GKeyFile> CopyOrigin(OstreeDeployment* deployment);

}  // namespace ostree
