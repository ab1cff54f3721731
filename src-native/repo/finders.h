// Where remotes are looked for: libostree's finders.
#pragma once

#include <string>
#include <vector>

#include "repo.h"

namespace ostree {

// libostree's own finders, made and dropped on the thread that uses them: theirs is its context.
class Finders {
 public:
  // By name (config, mount, lan), and one for `urls` where there are any. Without names: those of
  // core.default-repo-finders, of which media and the local network may be missing.
  Finders(OstreeRepo* repo, const std::optional<std::vector<std::string>>& names,
          const std::vector<std::string>& urls);

  // Null-terminated.
  OstreeRepoFinder** get() { return list_.data(); }
  // Ends what waits for the network.
  void Cancel();

  // config, mount, lan or url.
  static std::string NameOf(OstreeRepoFinder* finder);

 private:
  void Add(const std::string& name);
  void AddMount();
  void AddLan();

  std::vector<Shared<OstreeRepoFinder>> finders_;
  std::vector<OstreeRepoFinder*> list_;
  OstreeRepoFinderAvahi* lan_ = nullptr;
};

}  // namespace ostree
