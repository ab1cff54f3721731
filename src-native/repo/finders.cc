#include "finders.h"

#include "media.h"

namespace ostree {
namespace {

template <class T>
Shared<OstreeRepoFinder> Take(T* finder) {
  return Shared<OstreeRepoFinder>::Take(OSTREE_REPO_FINDER(finder));
}

std::vector<std::string> DefaultNames(OstreeRepo* repo) {
  std::vector<std::string> names;
  auto* list = ostree_repo_get_default_repo_finders(repo);
  for (auto* name = list; name && *name; name++) names.emplace_back(*name);
  if (!list) names = {"config", "mount"};  // as libostree itself
  return names;
}

// A function that returns nothing, as one that Try() can call.
template <class Finder, class Error>
auto ReturnsTrue(void (*)(Finder*, Error)) {
  return +[](Finder* finder, Error error) -> gboolean {
    ostree_repo_finder_avahi_start(finder, error);
    return TRUE;
  };
}

}  // namespace

Finders::Finders(OstreeRepo* repo, const std::optional<std::vector<std::string>>& names,
                 const std::vector<std::string>& urls) {
  if (names)
    for (const auto& name : *names) Add(name);
  else
    for (const auto& name : DefaultNames(repo)) {
      try {
        Add(name);
      } catch (const Failure&) {
        if (name != "lan" && name != "mount")
          throw;  // nobody asked for it, and libostree goes on without, too
      }
    }
  if (!urls.empty()) {
    auto* finder = ostree_repo_finder_override_new();
    finders_.push_back(Take(finder));
    for (const auto& url : urls) ostree_repo_finder_override_add_uri(finder, url.c_str());
  }
  if (finders_.empty()) throw Failure("INVALID_ARGUMENT", "There is no finder to find remotes with");
  for (const auto& finder : finders_) list_.push_back(finder.get());
  list_.push_back(nullptr);
}

void Finders::Add(const std::string& name) {
  if (name == "config")
    finders_.push_back(Take(ostree_repo_finder_config_new()));
  else if (name == "mount")
    AddMount();
  else if (name == "lan")
    AddLan();
  else
    throw Failure("INVALID_ARGUMENT", "There is no finder called " + name);
}

// CORRUPT where a medium has a repository that libostree cannot look at.
void Finders::AddMount() {
  CheckMedia();
  finders_.push_back(Take(ostree_repo_finder_mount_new(nullptr)));
}

// NOT_SUPPORTED where libostree was built without Avahi, NOT_FOUND where its daemon does not run.
void Finders::AddLan() {
  auto* finder = ostree_repo_finder_avahi_new(g_main_context_get_thread_default());
  auto owned = Take(finder);
  Try(ReturnsTrue(ostree_repo_finder_avahi_start), finder);
  finders_.push_back(std::move(owned));
  lan_ = finder;
}

void Finders::Cancel() {
  if (lan_) ostree_repo_finder_avahi_stop(lan_);
}

std::string Finders::NameOf(OstreeRepoFinder* finder) {
  if (OSTREE_IS_REPO_FINDER_CONFIG(finder)) return "config";
  if (OSTREE_IS_REPO_FINDER_MOUNT(finder)) return "mount";
  if (OSTREE_IS_REPO_FINDER_AVAHI(finder)) return "lan";
  return "url";
}

}  // namespace ostree
