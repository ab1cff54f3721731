#include "engine/add_tar.h"

#include "engine/names.h"

namespace ostree {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

std::string Join(const std::vector<std::string>& path, size_t steps) {
  std::string text;
  for (size_t i = 0; i < steps; i++) text += "/" + path[i];
  return text.empty() ? "/" : text;
}

bool IsWhiteout(const TarEntry& entry) {
  return !entry.path.empty() && entry.path.back().starts_with(kWhiteout);
}

[[noreturn]] void NoParent(const TarEntry& entry) {
  throw PathFailure(
      "NOT_FOUND",
      "The archive has no directory for a file in it; use autocreateParents, or make an archive "
      "with its directories",
      entry.Path());
}

}  // namespace

void TarLayer::AddTo(TreeDir& root, const std::vector<TarEntry>& entries,
                     const std::shared_ptr<Spool>& spool) {
  if (source_.whiteouts) ApplyWhiteouts(root, entries);
  for (const auto& entry : entries)
    if (!(source_.whiteouts && IsWhiteout(entry)) && !Skips(root, entry)) AddEntry(root, entry, spool);
  LinkHardlinks(root);
  // Of an image, a layer may have nothing but metadata.
  // A root that no source gives is refused in the end, but not what a prefix has made.
  if ((source_.autocreate_parents || root.parent) && !root.has_metadata)
    SetMetadata(root, rules_.Apply({0, 0, S_IFDIR | 0755}, nullptr));
}

void TarLayer::SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs) {
  tree_.SetMetadata(dir, owner, rules_.Labelled(xattrs, owner.mode, [&dir] { return dir.Path(); }));
}

// They take away what layers below have, not what this one has, wherever in it they are.
void TarLayer::ApplyWhiteouts(TreeDir& root, const std::vector<TarEntry>& entries) {
  for (const auto& entry : entries) {
    if (!IsWhiteout(entry)) continue;
    auto* dir = FindDir(root, entry.path, entry.path.size() - 1);
    if (!dir) continue;
    const auto& name = entry.path.back();
    if (name == kOpaque)
      tree_.Clear(*dir);
    else
      tree_.Remove(*dir, name.substr(kWhiteout.size()));
  }
}

TreeDir* TarLayer::FindDir(TreeDir& root, const std::vector<std::string>& path, size_t steps) {
  auto* dir = &root;
  for (size_t i = 0; i < steps && dir; i++) dir = tree_.FindDir(*dir, path[i]);
  return dir;
}

// What is below something that is left out is left out, too.
bool TarLayer::Skips(TreeDir& root, const TarEntry& entry) {
  if (!rules_.has_paths()) return false;
  auto base = root.parent ? root.Path() : std::string();
  if (entry.path.empty()) return rules_.Skips(base.empty() ? "/" : base);
  for (size_t steps = 1; steps <= entry.path.size(); steps++)
    if (rules_.Skips(base + Join(entry.path, steps))) return true;
  return false;
}

void TarLayer::AddEntry(TreeDir& root, const TarEntry& entry, const std::shared_ptr<Spool>& spool) {
  auto change = [&](const TreeDir& dir, const std::string& name) {
    return rules_.has_paths() ? rules_.Find(name.empty() ? dir.Path() : dir.Path(name)) : nullptr;
  };
  const auto& xattrs = rules_.keeps_xattrs() ? entry.xattrs : Xattrs();
  if (entry.path.empty()) return SetMetadata(root, rules_.Apply(entry.owner, change(root, "")), xattrs);
  auto& parent = EnsureParent(root, entry);
  const auto& name = entry.path.back();
  if (source_.whiteouts) tree_.MakeRoom(parent, name, S_ISDIR(entry.owner.mode));
  if (S_ISDIR(entry.owner.mode)) {
    auto& dir = tree_.EnsureDir(parent, name);
    return SetMetadata(dir, rules_.Apply(entry.owner, change(dir, "")), xattrs);
  }
  if (!entry.is_hardlink || entry.size > 0) AddFile(parent, entry, spool);
  if (!entry.is_hardlink) return;
  auto [found, is_new] =
      hardlinks_to_.try_emplace(Join(entry.target, entry.target.size()), hardlinks_.size());
  if (is_new) hardlinks_.push_back({entry.target, {}});
  hardlinks_[found->second].entries.push_back(&entry);
}

// A parent that is missing, and with it every one above, gets the owner of what is in it.
TreeDir& TarLayer::EnsureParent(TreeDir& root, const TarEntry& entry) {
  size_t steps = entry.path.size() - 1;
  if (auto* parent = FindDir(root, entry.path, steps)) return *parent;
  if (!source_.autocreate_parents) {
    auto* dir = &root;
    for (size_t i = 0; i < steps && dir; i++) {
      if (dir->files.contains(entry.path[i])) tree_.EnsureDir(*dir, entry.path[i]);  // NOT_DIRECTORY
      dir = tree_.FindDir(*dir, entry.path[i]);
    }
    NoParent(entry);
  }
  Owner owner{entry.owner.uid, entry.owner.gid, S_IFDIR | 0755};
  if (bare_user_only_) owner.uid = owner.gid = 0;
  auto* dir = &root;
  SetMetadata(*dir, owner);
  for (size_t i = 0; i < steps; i++) {
    dir = &tree_.EnsureDir(*dir, entry.path[i]);
    SetMetadata(*dir, owner);
  }
  return *dir;
}

void TarLayer::AddFile(TreeDir& parent, const TarEntry& entry, const std::shared_ptr<Spool>& spool) {
  auto path = parent.Path(entry.path.back());
  auto* change = rules_.has_paths() ? rules_.Find(path) : nullptr;
  bool is_link = S_ISLNK(entry.owner.mode);
  if (is_link && change) Rules::CheckLink(*change, path);
  auto xattrs = rules_.Labelled(rules_.keeps_xattrs() ? entry.xattrs : Xattrs(), entry.owner.mode,
                                [&path] { return path; });
  auto header = ContentHeader(rules_.Apply(entry.owner, change), entry.link, xattrs);
  TreeFile file;
  file.is_link = is_link;
  file.spooled = std::make_shared<SpooledFile>(SpooledFile{header, spool, entry.offset, entry.size});
  tree_.ReplaceFile(parent, entry.path.back(), file);
  tally_.Found(1);
}

// As the command: in the end, for an archive may have the data with any of the links.
void TarLayer::LinkHardlinks(TreeDir& root) {
  for (const auto& [target, entries] : hardlinks_) {
    auto* parent = target.empty() ? nullptr : FindDir(root, target, target.size() - 1);
    auto missing = [&target = target](const TarEntry& entry) {
      throw PathFailure(
          "NOT_FOUND",
          "The archive has a hard link to " + Join(target, target.size()) + ", which is no file in it",
          entry.Path());
    };
    if (!parent) missing(*entries.front());
    auto file_of = [&](const TarEntry& entry) -> TreeFile* {
      auto* dir = FindDir(root, entry.path, entry.path.size() - 1);
      return dir ? tree_.FindFile(*dir, entry.path.back()) : nullptr;
    };
    for (const auto* entry : entries) {
      if (entry->size == 0) continue;
      if (auto* payload = file_of(*entry)) tree_.ReplaceFile(*parent, target.back(), TreeFile(*payload));
      break;
    }
    auto* file = tree_.FindFile(*parent, target.back());
    if (!file) missing(*entries.front());
    if (file->disk && !file->disk_name) file->disk_name = std::make_shared<const std::string>(target.back());
    if (rules_.labels() && !file->label_path)
      file->label_path = std::make_shared<const std::string>(parent->Path(target.back()));
    for (const auto* entry : entries) {
      auto* dir = FindDir(root, entry->path, entry->path.size() - 1);
      if (!dir) NoParent(*entry);
      tree_.ReplaceFile(*dir, entry->path.back(), TreeFile(*file));
    }
  }
}

}  // namespace ostree
