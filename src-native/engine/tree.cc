#include "engine/tree.h"

#include "engine/names.h"
#include "engine/objects.h"
#include "engine/path_limit.h"

namespace ostree {
std::string TreeDir::Path() const {
  std::vector<const std::string*> way;
  for (auto* dir = this; dir->parent; dir = dir->parent) way.push_back(dir->name);
  std::string path;
  for (; !way.empty(); way.pop_back()) path += "/" + *way.back();
  return path.empty() ? "/" : path;
}

std::string TreeDir::Path(const std::string& child) const {
  return parent ? Path() + "/" + child : "/" + child;
}

void Tree::Load(TreeDir& dir) {
  if (!dir.is_whole) return;
  auto contents = LoadDirTree(repo_, dir.contents);
  dir.is_whole = false;
  for (const auto& file : contents.files)
    dir.files[file.name] = {.is_settled = true, .checksum = file.checksum};
  for (const auto& child : contents.dirs) {
    auto& loaded = EnsureDir(dir, child.name);
    loaded.is_whole = true;
    loaded.contents = child.contents;
    SetMetadata(loaded, child.metadata);
  }
}

TreeDir& Tree::EnsureDir(TreeDir& parent, const std::string& name) {
  Load(parent);
  if (parent.files.contains(name))
    throw PathFailure("NOT_DIRECTORY", "Can't replace file with directory", parent.Path(name));
  auto [entry, is_new] = parent.dirs.try_emplace(name, nullptr);
  if (is_new) {
    entry->second = &dirs_.emplace_back();
    entry->second->parent = &parent;
    entry->second->name = &entry->first;
    entry->second->depth = parent.depth + 1;
  }
  return *entry->second;
}

void Tree::ReplaceFile(TreeDir& parent, const std::string& name, TreeFile file) {
  Load(parent);
  if (parent.dirs.contains(name))
    throw PathFailure("IS_DIRECTORY", "Can't replace directory with file", parent.Path(name));
  parent.files[name] = file;
}

TreeDir* Tree::FindDir(TreeDir& parent, const std::string& name) {
  Load(parent);
  auto found = parent.dirs.find(name);
  return found == parent.dirs.end() ? nullptr : found->second;
}

TreeFile* Tree::FindFile(TreeDir& parent, const std::string& name) {
  Load(parent);
  auto found = parent.files.find(name);
  return found == parent.files.end() ? nullptr : &found->second;
}

void Tree::Clear(TreeDir& dir) {
  dir.is_whole = false;
  std::vector<TreeDir*> todo;
  for (const auto& [name, child] : dir.dirs) todo.push_back(child);
  dir.files.clear();
  dir.dirs.clear();
  while (!todo.empty()) {
    auto* gone = todo.back();
    todo.pop_back();
    for (const auto& [name, child] : gone->dirs) todo.push_back(child);
    gone->files.clear();
    gone->dirs.clear();
    gone->is_whole = false;
    gone->is_removed = true;
  }
}

void Tree::Remove(TreeDir& parent, const std::string& name) {
  Load(parent);
  parent.files.erase(name);
  auto found = parent.dirs.find(name);
  if (found == parent.dirs.end()) return;
  Clear(*found->second);
  found->second->is_removed = true;
  parent.dirs.erase(found);
}

void Tree::MakeRoom(TreeDir& parent, const std::string& name, bool for_directory) {
  if (for_directory ? FindFile(parent, name) != nullptr : FindDir(parent, name) != nullptr)
    Remove(parent, name);
}

void Tree::SetMetadata(TreeDir& dir, const Checksum& checksum) {
  dir.metadata = checksum;
  dir.has_metadata = true;
}

void Tree::SetMetadata(TreeDir& dir, const Owner& owner, const Xattrs& xattrs) {
  auto object = DirMeta(owner, xattrs);
  auto checksum = ChecksumOf(object.get());
  new_metadata_.try_emplace(checksum, object);
  SetMetadata(dir, checksum);
}

void Tree::Overlay(TreeDir& root, const Checksum& root_contents, const Checksum& root_metadata) {
  struct Layer {
    TreeDir* dir;
    Checksum contents, metadata;
  };
  std::vector<Layer> todo{{&root, root_contents, root_metadata}};
  PathLimit limit(repo_, cancellable_);
  while (!todo.empty()) {
    auto [dir, contents, metadata] = todo.back();
    todo.pop_back();
    SetMetadata(*dir, metadata);
    if (dir->is_whole && dir->contents == contents) continue;
    if (dir->is_empty()) {
      dir->is_whole = true;
      dir->contents = contents;
      continue;
    }
    auto loaded = LoadDirTree(repo_, contents);
    limit.Follow(root_contents, loaded.files.size() + loaded.dirs.size());
    for (const auto& file : loaded.files)
      ReplaceFile(*dir, file.name, {.is_settled = true, .checksum = file.checksum});
    for (const auto& child : loaded.dirs)
      todo.push_back({&EnsureDir(*dir, child.name), child.contents, child.metadata});
  }
}

}  // namespace ostree
