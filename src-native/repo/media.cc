#include "media.h"

#include <gio/gio.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "collection_refs.h"
#include "parents.h"

namespace ostree {
namespace {

constexpr const char* kLinks = "/.ostree/repos.d";
constexpr const char* kWellKnown[] = {"/.ostree/repo", "/ostree/repo", "/var/lib/flatpak/repo"};

// Of all that are mounted where libostree looks.
std::vector<std::string> Roots() {
  auto monitor = Shared<GVolumeMonitor>::Take(g_volume_monitor_get());
  auto* list = g_volume_monitor_get_mounts(monitor.get());
  std::vector<Shared<GMount>> mounts;
  for (auto* item = list; item; item = item->next)
    mounts.push_back(Shared<GMount>::Take(G_MOUNT(item->data)));
  g_list_free(list);
  std::vector<std::string> roots;
  for (const auto& mount : mounts) {
    auto root = Shared<GFile>::Take(g_mount_get_root(mount.get()));
    Owned<char> path(g_file_get_path(root.get()));
    if (path) roots.emplace_back(path.get());
  }
  return roots;
}

std::vector<std::string> RepositoriesOn(const std::string& root) {
  std::vector<std::string> paths;
  Owned<DIR> links(opendir((root + kLinks).c_str()));
  while (auto* entry = links ? readdir(links.get()) : nullptr)
    if (entry->d_name[0] != '.') paths.push_back(root + kLinks + "/" + entry->d_name);
  for (const auto* path : kWellKnown) paths.push_back(root + path);
  return paths;
}

}  // namespace

void CheckMedia() {
  for (const auto& root : Roots()) {
    struct stat medium, st;
    if (stat(root.c_str(), &medium) < 0) continue;
    for (const auto& path : RepositoriesOn(root)) {
      CheckParents(path);
      Fd repo(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      // libostree does not look at one that is elsewhere.
      if (!repo || fstat(repo.get(), &st) < 0 || st.st_dev != medium.st_dev) continue;
      try {
        CheckMirrors(repo.get(), path);
      } catch (const Failure& failure) {
        if (failure.Is("CORRUPT")) throw;  // what libostree cannot read, it leaves out
      }
    }
  }
}

}  // namespace ostree
