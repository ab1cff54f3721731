#include "tree.h"

#include <cstring>

#include "engine/metadata_cache.h"
#include "rev.h"

namespace ostree {
namespace {

// As Linux: a 41st is a loop.
constexpr int kMaxLinks = 40;

Shared<GVariant> Child(GVariant* parent, size_t index) {
  return Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
}

// By bytes, as libostree sorts them; the index of what has this name.
std::optional<size_t> Search(GVariant* list, size_t count, const std::string& name) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    auto order = StringAt(Child(list, middle).get(), 0).compare(name);
    if (order == 0) return middle;
    order < 0 ? void(low = middle + 1) : void(high = middle);
  }
  return std::nullopt;
}

// The components in reverse: the next one is at the back. A slash at the end asks for a directory, as "."
// does.
std::vector<std::string> Components(const std::string& path) {
  std::vector<std::string> result;
  if (path.ends_with('/')) result.push_back(".");
  for (size_t end = path.size(); end != 0;) {
    size_t slash = path.rfind('/', end - 1);
    size_t begin = slash == path.npos ? 0 : slash + 1;
    if (begin < end) result.push_back(path.substr(begin, end - begin));
    end = slash == path.npos ? 0 : slash;
  }
  return result;
}

}  // namespace

TreeListing::TreeListing(OstreeRepo* repo, const std::string& contents, GCancellable* cancellable) {
  auto dirtree = LoadMetadataCached(repo, OSTREE_OBJECT_TYPE_DIR_TREE, contents, cancellable);
  files_ = Child(dirtree.get(), 0);
  directories_ = Child(dirtree.get(), 1);
  file_count_ = g_variant_n_children(files_.get());
  directory_count_ = g_variant_n_children(directories_.get());
}

TreeListing::File TreeListing::file(size_t index) const {
  auto entry = Child(files_.get(), index);
  return {StringAt(entry.get(), 0), ChecksumAt(entry.get(), 1)};
}

TreeListing::Directory TreeListing::directory(size_t index) const {
  auto entry = Child(directories_.get(), index);
  return {StringAt(entry.get(), 0), {ChecksumAt(entry.get(), 1), ChecksumAt(entry.get(), 2)}};
}

std::optional<TreeListing::File> TreeListing::FindFile(const std::string& name) const {
  auto index = Search(files_.get(), file_count_, name);
  if (!index) return std::nullopt;
  return file(*index);
}

std::optional<TreeListing::Directory> TreeListing::FindDirectory(const std::string& name) const {
  auto index = Search(directories_.get(), directory_count_, name);
  if (!index) return std::nullopt;
  return directory(*index);
}

std::string JoinPath(const std::string& parent, const std::string& name) {
  return parent == "/" ? "/" + name : parent + "/" + name;
}

TreeEntry FileEntry(const std::string& parent, const TreeListing::File& file, const FileInfo& info) {
  TreeEntry entry;
  entry.path = JoinPath(parent, file.name);
  entry.name = file.name;
  entry.type = info.is_symlink() ? "symlink" : "file";
  entry.mode = info.mode;
  entry.uid = info.uid;
  entry.gid = info.gid;
  entry.size = info.size;
  if (info.is_symlink()) entry.target = ValidUtf8(info.target);
  entry.checksum = file.checksum;
  return entry;
}

TreeEntry DirectoryEntry(const std::string& path, const TreeDirectory& objects, GVariant* dirmeta) {
  guint32 uid = 0, gid = 0, mode = 0;
  g_variant_get(dirmeta, "(uuu@a(ayay))", &uid, &gid, &mode, nullptr);
  TreeEntry entry;
  entry.path = path;
  entry.name = path.substr(path.rfind('/') + 1);
  entry.type = "directory";
  entry.mode = GUINT32_FROM_BE(mode);
  entry.uid = GUINT32_FROM_BE(uid);
  entry.gid = GUINT32_FROM_BE(gid);
  entry.checksum = objects.contents;
  entry.contentsChecksum = objects.contents;
  entry.metadataChecksum = objects.metadata;
  return entry;
}

CommitTree::CommitTree(Shared<OstreeRepo> repo, std::string rev, GCancellable* cancellable)
    : repo_(std::move(repo)), rev_(std::move(rev)), cancellable_(cancellable) {
  auto checksum = ResolveRev(repo_.get(), rev_);
  try {
    auto commit = LoadMetadataCached(repo_.get(), OSTREE_OBJECT_TYPE_COMMIT, checksum, cancellable_);
    root_ = {ChecksumAt(commit.get(), 6), ChecksumAt(commit.get(), 7)};
  } catch (Failure& failure) {
    failure.ref = rev_;
    throw;
  }
}

Failure CommitTree::Fail(const std::string& code, const std::string& what, const std::string& path) const {
  Failure failure(code, what + ": " + path + " in " + rev_);
  failure.path = path;
  failure.ref = rev_;
  return failure;
}

// The directories from the root down to where a lookup has come.
class CommitTree::Way {
 public:
  explicit Way(const TreeDirectory& root) { steps_.push_back({"", root}); }

  const TreeDirectory& here() const { return steps_.back().objects; }
  void Down(TreeListing::Directory directory) { steps_.push_back(std::move(directory)); }
  void Up() {
    if (steps_.size() > 1) steps_.pop_back();
  }
  void ToRoot() { steps_.resize(1); }

  std::string Path() const {
    std::string path;
    for (size_t i = 1; i < steps_.size(); i++) path += "/" + steps_[i].name;
    return path.empty() ? "/" : path;
  }

 private:
  std::vector<TreeListing::Directory> steps_;
};

CommitTree::Found CommitTree::Find(const std::string& path, bool follow_last, int parts) const {
  return Naming(path, [&] { return Lookup(path, follow_last, parts); });
}

CommitTree::Found CommitTree::Lookup(const std::string& path, bool follow_last, int parts) const {
  auto todo = Components(path);
  Way way(root_);
  int links = 0;
  while (!todo.empty()) {
    ThrowIfCancelled(cancellable_);
    auto name = std::move(todo.back());
    todo.pop_back();
    if (name == ".") continue;
    if (name == "..") {
      way.Up();
      continue;
    }
    TreeListing listing(repo_.get(), way.here().contents, cancellable_);
    if (auto directory = listing.FindDirectory(name)) {
      way.Down(*directory);
      continue;
    }
    auto found = listing.FindFile(name);
    if (!found) throw Fail("NOT_FOUND", "No such file or directory", path);
    bool last = todo.empty();
    auto file = LoadFile(repo_.get(), found->checksum, last ? parts : kFileInfo, cancellable_);
    const auto& info = file.info;
    if (info.is_symlink() && (!last || follow_last)) {
      if (++links > kMaxLinks) throw Fail("FAILED", "Too many levels of symbolic links", path);
      if (info.target.starts_with('/')) way.ToRoot();
      auto more = Components(info.target);
      todo.insert(todo.end(), more.begin(), more.end());
    } else if (!last) {
      throw Fail("NOT_DIRECTORY", "Not a directory", path);
    } else {
      return {JoinPath(way.Path(), name), std::nullopt, found->checksum, std::move(file)};
    }
  }
  return {way.Path(), way.here(), {}, {}};
}

TreeEntry CommitTree::Describe(const Found& found) const {
  if (!found.directory) {
    auto slash = found.path.rfind('/');
    auto parent = slash == 0 ? "/" : found.path.substr(0, slash);
    return FileEntry(parent, {found.path.substr(slash + 1), found.checksum}, found.info());
  }
  return Naming(found.path, [&] {
    auto type = OSTREE_OBJECT_TYPE_DIR_META;
    auto dirmeta = LoadMetadataCached(repo_.get(), type, found.directory->metadata, cancellable_);
    return DirectoryEntry(found.path, *found.directory, dirmeta.get());
  });
}

}  // namespace ostree
