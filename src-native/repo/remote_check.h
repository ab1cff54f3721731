// What every operation on a remote does first and last: refuses what libostree
// would abort on in the remote's config, and names the remote in a failure.
#pragma once

#include <string>
#include <vector>

#include "core/failure.h"

namespace ostree {

// Options of a remote, read as libostree reads them (a parent repository's count
// too); a file:// URL in place of a name has none.
class RemoteReader {
 public:
  RemoteReader(OstreeRepo* repo, std::string name) : repo_(repo), name_(std::move(name)) {}

  std::optional<std::string> Text(const char* key) const;
  bool Flag(const char* key, bool value_when_missing) const;
  std::vector<std::string> List(const char* key) const;

 private:
  OstreeRepo* const repo_;
  const std::string name_;
};

// What the remote's config says that its summary must be signed by.
struct SummaryRules {
  bool gpg = false;
  bool engine = false;  // one of libostree's own, such as ed25519

  bool any() const { return gpg || engine; }
};

SummaryRules SummaryRulesOf(const RemoteReader& remote);

// Before any request to a remote. NOT_FOUND when there is no such remote.
void CheckRemoteConfig(OstreeRepo* repo, const std::string& name);

// Runs fn(); a failure of it says which remote it was about.
template <class Fn>
auto WithRemote(const std::string& name, Fn&& fn) {
  try {
    return fn();
  } catch (Failure& failure) {
    if (!failure.remote) failure.remote = name;
    throw;
  }
}

}  // namespace ostree
