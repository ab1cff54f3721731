// The update of a checkout in place: only what differs between the two commits is touched, and what neither
// of them has is left alone.
#include <sys/xattr.h>

#include <cerrno>
#include <map>

#include "engine/checkout_work.h"
#include "engine/load_metadata.h"
#include "engine/names.h"
#include "engine/set_xattrs.h"

namespace ostree {
namespace {

struct Listing {
  struct Dir {
    std::string contents, metadata;
    friend bool operator==(const Dir&, const Dir&) = default;
  };
  std::map<std::string, std::string> files;  // by name, their checksums
  std::map<std::string, Dir> dirs;
};

Listing List(OstreeRepo* repo, const std::string& contents, GCancellable* cancellable) {
  Listing listing;
  auto dirtree = LoadMetadata(repo, OSTREE_OBJECT_TYPE_DIR_TREE, contents, cancellable);
  auto files = Shared<GVariant>::Take(g_variant_get_child_value(dirtree.get(), 0));
  for (size_t i = 0; i < g_variant_n_children(files.get()); i++) {
    auto file = Shared<GVariant>::Take(g_variant_get_child_value(files.get(), i));
    listing.files.emplace(StringAt(file.get(), 0), ChecksumAt(file.get(), 1));
  }
  auto dirs = Shared<GVariant>::Take(g_variant_get_child_value(dirtree.get(), 1));
  for (size_t i = 0; i < g_variant_n_children(dirs.get()); i++) {
    auto dir = Shared<GVariant>::Take(g_variant_get_child_value(dirs.get(), i));
    listing.dirs.emplace(StringAt(dir.get(), 0),
                         Listing::Dir{ChecksumAt(dir.get(), 1), ChecksumAt(dir.get(), 2)});
  }
  return listing;
}

std::string NameAt(GVariant* xattrs, size_t index) {
  auto pair = Shared<GVariant>::Take(g_variant_get_child_value(xattrs, index));
  auto name = Shared<GVariant>::Take(g_variant_get_child_value(pair.get(), 0));
  return g_variant_get_bytestring(name.get());
}

}  // namespace

std::optional<Checkout::Step> Checkout::EnterUpdate(Tools& tools, CheckoutDir& dir) {
  auto now = List(repo_, dir.contents, cancellable_);
  auto before = List(repo_, dir.old_contents, cancellable_);
  int fd = tools.opener.Open(dir.disk);
  dir.updated = true;
  OpenForChanges(fd, dir);

  for (const auto& [name, checksum] : before.files)
    if (!now.files.contains(name) && !Skips(dir, &name)) RemoveFile(fd, dir, name);
  std::vector<Step> steps;
  for (const auto& [name, checksum] : now.files) {
    if (Skips(dir, &name)) continue;
    auto old = before.files.find(name);
    if (old != before.files.end() && old->second == checksum) continue;
    tally_.Found(1);
    if (auto old_dir = before.dirs.find(name); old_dir != before.dirs.end()) {
      auto& removal = AddRemoval(dir, name, old_dir->second.contents);
      removal.replacement = checksum;
      steps.push_back({.dir = &removal});
    } else {
      tools.placer.Place(fd, dir.disk, name, checksum);
    }
  }
  for (const auto& [name, child] : now.dirs) {
    auto old = before.dirs.find(name);
    if (old != before.dirs.end() && old->second == child) continue;
    auto& added = AddDir(&dir, name, child.contents, child.metadata);
    if (old != before.dirs.end()) {
      added.old_contents = old->second.contents;
      added.old_metadata = old->second.metadata;
    }
    steps.push_back({.dir = &added});
  }
  for (const auto& [name, child] : before.dirs)
    if (!now.dirs.contains(name) && !now.files.contains(name))
      steps.push_back({.dir = &AddRemoval(dir, name, child.contents)});
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

  auto before = List(repo_, dir.old_contents, cancellable_);
  for (const auto& [name, checksum] : before.files)
    if (!Skips(dir, &name)) RemoveFile(fd, dir, name);
  std::vector<Step> steps;
  for (const auto& [name, child] : before.dirs)
    steps.push_back({.dir = &AddRemoval(dir, name, child.contents)});
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

CheckoutDir& Checkout::AddRemoval(CheckoutDir& parent, const std::string& name, const std::string& contents) {
  auto& dir = AddDir(&parent, name, {}, {});
  dir.old_contents = contents;
  return dir;
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
