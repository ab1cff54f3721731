// The update of a checkout in place: only what differs between the two commits is touched, and what neither
// of them has is left alone.
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <tuple>

#include "engine/checkout_work.h"
#include "engine/load_metadata.h"
#include "engine/names.h"
#include "engine/set_xattrs.h"

namespace ostree {
namespace {

using File = DirTreeView::File;
using Dir = DirTreeView::Dir;

constexpr auto kName = [](const auto& entry) { return entry.name; };
constexpr auto kFile = [](const File& file) { return std::tie(file.name, file.checksum); };
constexpr auto kDir = [](const Dir& dir) { return std::tie(dir.name, dir.contents, dir.metadata); };

// By name, and the first of each: a damaged tree may have one twice.
template <class Entry>
void Sort(std::vector<Entry>& entries) {
  if (std::ranges::is_sorted(entries, std::ranges::less_equal(), kName)) return;
  std::ranges::stable_sort(entries, {}, kName);
  auto same = [](const Entry& a, const Entry& b) { return a.name == b.name; };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
}

LoadedDirTree Sorted(LoadedDirTree tree) {
  Sort(tree.entries.files);
  Sort(tree.entries.dirs);
  return tree;
}

// What the others are without, by what `key` takes of an entry: its name first.
template <class Entry, class Key>
std::vector<Entry> Without(const std::vector<Entry>& entries, const std::vector<Entry>& others, Key key) {
  std::vector<Entry> result;
  std::ranges::set_difference(entries, others, std::back_inserter(result), {}, key, key);
  return result;
}

// Null: it is not there.
template <class Entry>
const Entry* Find(const std::vector<Entry>& entries, std::string_view name) {
  auto found = std::ranges::lower_bound(entries, name, {}, kName);
  return found != entries.end() && found->name == name ? &*found : nullptr;
}

std::string NameAt(GVariant* xattrs, size_t index) {
  auto pair = Shared<GVariant>::Take(g_variant_get_child_value(xattrs, index));
  auto name = Shared<GVariant>::Take(g_variant_get_child_value(pair.get(), 0));
  return g_variant_get_bytestring(name.get());
}

}  // namespace

std::optional<Checkout::Step> Checkout::EnterUpdate(Tools& tools, CheckoutDir& dir, LoadedDirTree loaded) {
  auto new_tree = Sorted(std::move(loaded)), old_tree = Sorted(Load(dir.old_contents));
  const auto &now = new_tree.entries, &before = old_tree.entries;
  int fd = tools.opener.Open(dir.disk);
  dir.updated = true;
  OpenForChanges(fd, dir);

  RemoveFiles(fd, dir, Without(before.files, now.files, kName));
  std::vector<Step> steps;
  for (const auto& file : Without(now.files, before.files, kFile)) {
    if (Skips(dir, file.name)) continue;
    tally_.Found(1);
    if (auto* old = Find(before.dirs, file.name)) {
      auto& removal = AddRemoval(dir, *old);
      removal.replacement = file.checksum.Hex();
      steps.push_back({.dir = &removal});
    } else {
      tools.placer.Place(fd, dir.disk, std::string(file.name), file.checksum.Hex());
    }
  }
  for (const auto& child : Without(now.dirs, before.dirs, kDir)) {
    auto& added = AddDir(&dir, child.name, child.contents.Hex(), child.metadata.Hex());
    if (auto* old = Find(before.dirs, child.name)) {
      added.old_contents = old->contents.Hex();
      added.old_metadata = old->metadata.Hex();
    }
    steps.push_back({.dir = &added});
  }
  for (const auto& child : Without(before.dirs, now.dirs, kName))
    if (!Find(now.files, child.name)) steps.push_back({.dir = &AddRemoval(dir, child)});
  dir.open += steps.size();
  return PushAllButFirst(std::move(steps));
}

// What the old commit has in it goes, and what remains is somebody else's.
std::optional<Checkout::Step> Checkout::EnterRemoval(Tools& tools, CheckoutDir& dir) {
  struct stat status;
  auto path = [&dir] { return dir.disk.Path(); };
  int parent = tools.opener.Open(dir.parent->disk);
  if (fstatat(parent, dir.disk.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return {};
    throw Failure::Errno("fstatat", path());
  }
  if (!S_ISDIR(status.st_mode)) return {};
  dir.disk.device = status.st_dev;
  dir.disk.inode = status.st_ino;
  int fd = tools.opener.Open(dir.disk);
  dir.mode = OpenForChanges(fd, dir);

  auto before = Sorted(Load(dir.old_contents));
  RemoveFiles(fd, dir, before.entries.files);
  std::vector<Step> steps;
  for (const auto& child : before.entries.dirs) steps.push_back({.dir = &AddRemoval(dir, child)});
  dir.open += steps.size();
  return PushAllButFirst(std::move(steps));
}

void Checkout::FinishRemoval(Tools& tools, CheckoutDir& dir) {
  if (dir.skipped) return;
  int parent = tools.opener.Open(dir.parent->disk);
  const auto& name = dir.disk.name;
  bool stays = false;
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0)
    counts_.removed++;
  else if (errno == ENOTEMPTY || errno == EEXIST)
    stays = true;
  else if (errno != ENOENT && errno != ENOTDIR)
    throw Failure::Errno("unlinkat", dir.disk.Path());
  // Not where somebody has just made it.
  if (stays && dir.disk.inode != 0 && fchmod(tools.opener.Open(dir.disk), dir.mode) < 0)
    throw Failure::Errno("fchmod", dir.disk.Path());
  if (stays && !dir.replacement.empty())
    throw PathFailure("EXISTS", "A file is to take the place of a directory in which there are others' files",
                      dir.disk.Path());
  if (!dir.replacement.empty()) tools.placer.Place(parent, dir.parent->disk, name, dir.replacement);
}

CheckoutDir& Checkout::AddRemoval(CheckoutDir& parent, const DirTreeView::Dir& child) {
  auto& dir = AddDir(&parent, child.name, {}, {});
  dir.old_contents = child.contents.Hex();
  return dir;
}

void Checkout::RemoveFiles(int fd, const CheckoutDir& dir, const std::vector<DirTreeView::File>& files) {
  for (const auto& file : files)
    if (!Skips(dir, file.name)) RemoveFile(fd, dir, std::string(file.name));
}

void Checkout::RemoveFile(int fd, const CheckoutDir& dir, const std::string& name) {
  if (unlinkat(fd, name.c_str(), 0) == 0) counts_.removed++;
  // Somebody has made a directory of it.
  else if (errno != ENOENT && errno != EISDIR)
    throw Failure::Errno("unlinkat", dir.disk.Path(name));
}

// A directory that nobody may write to: until its own mode, the result, is set again.
uint32_t Checkout::OpenForChanges(int fd, const CheckoutDir& dir) {
  struct stat status;
  if (fstat(fd, &status) < 0) throw Failure::Errno("fstat", dir.disk.Path());
  auto mode = status.st_mode & 07777;
  if ((mode & S_IRWXU) != S_IRWXU && fchmod(fd, mode | S_IRWXU) < 0)
    throw Failure::Errno("fchmod", dir.disk.Path());
  return mode;
}

void Checkout::UpdateXattrs(Tools& tools, CheckoutDir& dir, const Xattrs& xattrs) {
  if (plan_.user_mode || dir.metadata == dir.old_metadata) return;
  int fd = tools.opener.Open(dir.disk);
  auto path = [&dir] { return dir.disk.Path(); };
  auto before = LoadMetadata(repo_, OSTREE_OBJECT_TYPE_DIR_META, dir.old_metadata, cancellable_);
  auto old = Kept(Shared<GVariant>::Take(g_variant_get_child_value(before.get(), 3)));
  for (size_t i = 0; old && i < g_variant_n_children(old.get()); i++)
    if (fremovexattr(fd, NameAt(old.get(), i).c_str()) < 0 && errno != ENODATA)
      throw Failure::Errno("fremovexattr", path());
  SetXattrs(fd, xattrs.get(), path);
}

}  // namespace ostree
