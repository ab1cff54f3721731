// Lays what is in a tar archive over a tree, as ostree_repo_import_archive_to_mtree() does.
#pragma once

#include "engine/rules.h"
#include "engine/tally.h"
#include "engine/tar.h"
#include "engine/tree.h"

namespace ostree {

class TarLayer {
 public:
  TarLayer(Rules& rules, Tree& tree, Tally& tally, const TarSource& source, bool bare_user_only)
      : rules_(rules), tree_(tree), tally_(tally), source_(source), bare_user_only_(bare_user_only) {}

  void AddTo(TreeDir& root, const std::vector<TarEntry>& entries, const std::shared_ptr<Spool>& spool);

 private:
  void ApplyWhiteouts(TreeDir& root, const std::vector<TarEntry>& entries);
  void AddEntry(TreeDir& root, const TarEntry& entry, const std::shared_ptr<Spool>& spool);
  void AddFile(TreeDir& parent, const TarEntry& entry, const std::shared_ptr<Spool>& spool);
  void LinkHardlinks(TreeDir& root);
  void SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs = {});
  TreeDir& EnsureParent(TreeDir& root, const TarEntry& entry);
  bool Skips(TreeDir& root, const TarEntry& entry);
  // In the tree; null: there is none.
  TreeDir* FindDir(TreeDir& root, const std::vector<std::string>& path, size_t steps);

  struct Hardlinks {
    std::vector<std::string> target;
    std::vector<const TarEntry*> entries;
  };

  Rules& rules_;
  Tree& tree_;
  Tally& tally_;
  const TarSource& source_;
  const bool bare_user_only_;
  std::vector<Hardlinks> hardlinks_;
  std::map<std::string, size_t> hardlinks_to_;  // by target, an index
};

}  // namespace ostree
