// The tree of a commit: finding paths in it, without a checkout.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/convert.h"
#include "engine/load_file.h"
#include "engine/load_metadata.h"

namespace ostree {

// Longer than any path that Linux can open. A tree whose paths grow beyond it is damaged.
constexpr size_t kMaxTreePath = 65536;

// A directory, by its two objects.
struct TreeDirectory {
  std::string contents, metadata;  // checksums of a dirtree and a dirmeta
};

// The names in a directory, sorted; each list by itself.
class TreeListing {
 public:
  struct File {
    std::string name, checksum;
  };
  struct Directory {
    std::string name;
    TreeDirectory objects;
  };

  TreeListing(OstreeRepo* repo, const std::string& contents, GCancellable* cancellable);

  size_t files() const { return file_count_; }
  size_t directories() const { return directory_count_; }
  File file(size_t index) const;
  Directory directory(size_t index) const;
  std::optional<File> FindFile(const std::string& name) const;
  std::optional<Directory> FindDirectory(const std::string& name) const;

 private:
  Shared<GVariant> files_, directories_;
  size_t file_count_, directory_count_;
};

// One file, directory or symlink of a tree, as JS gets it.
struct TreeEntry {
  std::string path, name, type;  // the path begins with /
  uint32_t mode = 0, uid = 0, gid = 0;
  uint64_t size = 0;
  std::optional<std::string> target;
  std::string checksum;  // of a directory, its contents'
  std::optional<std::string> contentsChecksum, metadataChecksum;

  void Fields(auto&& field) {
    field("path", path);
    field("name", name);
    field("type", type);
    field("mode", mode);
    field("uid", uid);
    field("gid", gid);
    field("size", size);
    field("target", target);
    field("checksum", checksum);
    field("contentsChecksum", contentsChecksum);
    field("metadataChecksum", metadataChecksum);
  }
};

TreeEntry FileEntry(const std::string& parent, const TreeListing::File& file, const FileInfo& info);
TreeEntry DirectoryEntry(const std::string& path, const TreeDirectory& objects, GVariant* dirmeta);
// "/" and a path in front of a name.
std::string JoinPath(const std::string& parent, const std::string& name);

class CommitTree {
 public:
  // Fails with NOT_FOUND and the rev.
  CommitTree(Shared<OstreeRepo> repo, std::string rev, GCancellable* cancellable);

  // What a path leads to: a directory, or else a file or symlink.
  struct Found {
    std::string path;  // with no symlink in it
    std::optional<TreeDirectory> directory;
    std::string checksum;  // of the file
    StoredFile file;

    const FileInfo& info() const { return file.info; }
  };

  // As the kernel looks up a path, in this tree as its root: `..` stops at the root, an absolute
  // symlink begins there. Loads these parts of the file. Fails with NOT_FOUND and NOT_DIRECTORY, the path and
  // the rev.
  Found Find(const std::string& path, bool follow_last, int parts = kFileInfo) const;
  TreeEntry Describe(const Found& found) const;

  OstreeRepo* repo() const { return repo_.get(); }
  // A failure that names this rev and a path.
  Failure Fail(const std::string& code, const std::string& what, const std::string& path) const;
  // Runs it, and adds this rev and a path to its failures: of an object that is missing, say.
  template <class Fn>
  auto Naming(const std::string& path, Fn fn) const {
    try {
      return fn();
    } catch (Failure& failure) {
      if (!failure.path) failure.path = path;
      failure.ref = rev_;
      throw;
    }
  }

 private:
  class Way;
  Found Lookup(const std::string& path, bool follow_last, int parts) const;

  Shared<OstreeRepo> repo_;
  std::string rev_;
  TreeDirectory root_;
  GCancellable* cancellable_;
};

}  // namespace ostree
