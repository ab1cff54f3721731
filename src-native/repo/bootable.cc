#include "bootable.h"

#include <algorithm>
#include <unordered_set>

#include "engine/objects.h"
#include "engine/tree_check.h"

namespace ostree {
namespace {

class KernelCheck {
 public:
  explicit KernelCheck(OstreeRepo* repo) : repo_(repo) {}

  // usr/lib/modules/RELEASE
  void Check(const WrittenTree& tree) {
    DirContents::Dir dir{"", tree.contents, tree.metadata};
    for (auto name : {"usr", "lib", "modules"}) {
      auto contents = Load(dir);
      auto found = std::find_if(contents.dirs.begin(), contents.dirs.end(),
                                [name](const auto& child) { return child.name == name; });
      if (found == contents.dirs.end()) return;  // libostree says what is missing
      dir = DirContents::Dir(*found);
    }
    for (const auto& release : Load(dir).dirs)
      for (const auto& child : Load(release).dirs) Load(child);
  }

  const std::unordered_set<Checksum>& files() const { return files_; }

 private:
  DirContents Load(const DirContents::Dir& dir) {
    LoadDirMeta(repo_, dir.metadata);
    auto contents = LoadDirTree(repo_, dir.contents);
    for (const auto& file : contents.files) files_.insert(file.checksum);
    return contents;
  }

  OstreeRepo* const repo_;
  std::unordered_set<Checksum> files_;
};

}  // namespace

void CheckKernelDirectories(OstreeRepo* repo, const WrittenTree& tree, GCancellable* cancellable) {
  KernelCheck check(repo);
  check.Check(tree);
  CheckFiles(repo, check.files(), cancellable);
}

}  // namespace ostree
