#include "engine/compare_side.h"

#include <algorithm>

#include "core/hash.h"
#include "engine/links.h"
#include "engine/load_file.h"
#include "engine/load_metadata.h"
#include "engine/objects.h"

namespace ostree {
namespace {

constexpr size_t kChunk = 256 << 10;

void SortByName(std::vector<SideEntry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

class CommitReader final : public SideReader {
 public:
  CommitReader(OstreeRepo* repo, GCancellable* cancellable) : repo_(repo), cancellable_(cancellable) {}

  Checksum Identify(const SideDir&, const SideEntry& entry) override { return *entry.checksum; }

  DiskFile Look(const SideDir& dir, const SideEntry& entry) override { return Describe(dir, entry); }

  DiskFile Describe(const SideDir&, const SideEntry& entry) override {
    ThrowIfCancelled(cancellable_);
    if (entry.is_directory) {
      auto meta = ParseDirMeta(
          LoadMetadata(repo_, OSTREE_OBJECT_TYPE_DIR_META, entry.checksum->Hex(), cancellable_).get());
      return {meta.owner, 0, {}, meta.xattrs};
    }
    auto stored = LoadFile(repo_, entry.checksum->Hex(), kFileXattrs, cancellable_);
    const auto& info = stored.info;
    return {{info.uid, info.gid, info.mode}, info.size, info.target, stored.xattrs};
  }

  Checksum HashContent(const SideDir&, const SideEntry& entry, const std::string& header) override {
    auto stored = LoadFile(repo_, entry.checksum->Hex(), kFileStream, cancellable_);
    buffer_.resize(kChunk);
    Sha256 sha;
    sha.Update(header.data(), header.size());
    for (;;) {
      auto size = ReadData(stored, entry.checksum->Hex(), buffer_.data(), buffer_.size(), cancellable_);
      if (size == 0) return Checksum::FromHex(sha.Hex());
      sha.Update(buffer_.data(), size);
    }
  }

 private:
  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  std::vector<char> buffer_;
};

class CommitSideOf final : public Side {
 public:
  CommitSideOf(OstreeRepo* repo, const Checksum& commit, GCancellable* cancellable)
      : repo_(repo), cancellable_(cancellable) {
    auto object = LoadMetadata(repo_, OSTREE_OBJECT_TYPE_COMMIT, commit.Hex(), cancellable_);
    dirs_.emplace_back().contents = ParseCommit(object.get()).root.contents;
  }

  SideDir& Root() override { return dirs_.front(); }

  std::vector<SideEntry> List(SideDir& dir) override {
    ThrowIfCancelled(cancellable_);
    auto tree = LoadDirTreeView(repo_, dir.contents->Hex(), cancellable_);
    std::vector<SideEntry> entries;
    entries.reserve(tree.entries.files.size() + tree.entries.dirs.size());
    for (const auto& file : tree.entries.files)
      entries.push_back({std::string(file.name), false, file.checksum, {}});
    for (const auto& child : tree.entries.dirs)
      entries.push_back({std::string(child.name), true, child.metadata, child.contents});
    SortByName(entries);
    return entries;
  }

  SideDir& Enter(const SideDir& parent, const SideEntry& entry) override {
    for (auto* above = &parent; above; above = above->parent)
      if (above->contents == entry.contents)
        throw CorruptObject(OSTREE_OBJECT_TYPE_DIR_TREE, entry.contents->Hex(),
                            "the directory contains itself");
    auto& dir = dirs_.emplace_back();
    dir.parent = &parent;
    dir.path = parent.Path(entry.name);
    dir.contents = entry.contents;
    return dir;
  }

  std::unique_ptr<SideReader> NewReader() const override {
    return std::make_unique<CommitReader>(repo_, cancellable_);
  }

 private:
  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  std::deque<SideDir> dirs_;
};

class DiskReader final : public SideReader {
 public:
  DiskReader(bool with_xattrs, const OwnerOverride& owner, GCancellable* cancellable)
      : owner_(owner), hasher_(with_xattrs, owner, cancellable) {}

  Checksum Identify(const SideDir& dir, const SideEntry& entry) override {
    hashed_ = hasher_.Hash(Place(dir, entry));
    return hashed_.checksum;
  }

  // It was identified just before.
  DiskFile Describe(const SideDir&, const SideEntry&) override { return hashed_.file; }

  DiskFile Look(const SideDir& dir, const SideEntry& entry) override {
    return LookAtFile(Place(dir, entry), owner_);
  }

  Checksum HashContent(const SideDir& dir, const SideEntry& entry, const std::string& header) override {
    return hasher_.HashContent(Place(dir, entry), header);
  }

 private:
  DiskPlace Place(const SideDir& dir, const SideEntry& entry) {
    return {opener_.Open(*dir.disk), entry.name.c_str(),
            [&dir, &entry] { return dir.disk->Path(entry.name); }};
  }

  const OwnerOverride owner_;
  DirOpener opener_{4};
  DiskHasher hasher_;
  HashedFile hashed_;
};

class DiskSideOf final : public Side {
 public:
  DiskSideOf(const std::string& path, bool with_xattrs, const OwnerOverride& owner, GCancellable* cancellable)
      : with_xattrs_(with_xattrs), owner_(owner), cancellable_(cancellable) {
    auto& disk = disks_.emplace_back();
    disk.name = path;
    // With a slash at its end, a link is followed.
    disk.root = OpenRoot(path.ends_with('/') ? path : path + "/");
    dirs_.emplace_back().disk = &disk;
  }

  SideDir& Root() override { return dirs_.front(); }

  std::vector<SideEntry> List(SideDir& dir) override {
    ThrowIfCancelled(cancellable_);
    int fd = opener_.Open(*dir.disk);
    struct stat status;
    if (fstat(fd, &status) < 0) throw Failure::Errno("fstat", dir.disk->Path());
    dir.disk->device = status.st_dev;
    dir.disk->inode = status.st_ino;
    std::vector<SideEntry> entries;
    for (auto& entry : ListDirectory(fd, *dir.disk))
      entries.push_back({std::move(entry.name), S_ISDIR(entry.type), {}, {}});
    SortByName(entries);
    return entries;
  }

  SideDir& Enter(const SideDir& parent, const SideEntry& entry) override {
    auto& disk = disks_.emplace_back();
    disk.parent = parent.disk;
    disk.name = entry.name;
    disk.depth = parent.disk->depth + 1;
    auto& dir = dirs_.emplace_back();
    dir.parent = &parent;
    dir.path = parent.Path(entry.name);
    dir.disk = &disk;
    return dir;
  }

  std::unique_ptr<SideReader> NewReader() const override {
    return std::make_unique<DiskReader>(with_xattrs_, owner_, cancellable_);
  }

 private:
  const bool with_xattrs_;
  const OwnerOverride owner_;
  GCancellable* const cancellable_;
  DirOpener opener_{32};
  std::deque<DiskDir> disks_;
  std::deque<SideDir> dirs_;
};

}  // namespace

std::unique_ptr<Side> CommitSide(OstreeRepo* repo, const Checksum& commit, GCancellable* cancellable) {
  return std::make_unique<CommitSideOf>(repo, commit, cancellable);
}

std::unique_ptr<Side> DiskSide(const std::string& path, bool with_xattrs, const OwnerOverride& owner,
                               GCancellable* cancellable) {
  return std::make_unique<DiskSideOf>(path, with_xattrs, owner, cancellable);
}

}  // namespace ostree
