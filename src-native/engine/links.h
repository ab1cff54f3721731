// What the metadata objects of a repository refer to. Nothing in them is
// trusted: libostree's own loader checks nothing, and damage it meets later can
// end the process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/failure.h"
#include "engine/checksum.h"

namespace ostree {

// An object of a repository.
struct ObjectId {
  OstreeObjectType type;
  Checksum checksum;

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

// A failure that names the object: CORRUPT, say.
Failure ObjectFailure(const char* code, const ObjectId& object, const std::string& what);

// A commit, dirtree or dirmeta, in normal form and of valid structure; its
// bytes are those in the repository. Fails with NOT_FOUND or CORRUPT.
Shared<GVariant> LoadMetadata(OstreeRepo* repo, const ObjectId& object);
// The same, and it is what its checksum says.
Shared<GVariant> LoadVerified(OstreeRepo* repo, const ObjectId& object);

// What a directory is made of.
struct TreeLinks {
  struct Dir {
    Checksum contents, metadata;
  };
  std::vector<Checksum> files;
  std::vector<Dir> dirs;
};
TreeLinks ParseDirTree(GVariant* dirtree);

struct CommitLinks {
  std::optional<Checksum> parent;
  uint64_t timestamp = 0;  // seconds since 1970
  TreeLinks::Dir root;
};
CommitLinks ParseCommit(GVariant* commit);

// The commits of the repository, and of its parent.
std::vector<Checksum> ListCommits(OstreeRepo* repo, GCancellable* cancellable);
OstreeRepoCommitState CommitState(OstreeRepo* repo, const Checksum& commit);

}  // namespace ostree

template <>
struct std::hash<ostree::ObjectId> {
  size_t operator()(const ostree::ObjectId& object) const {
    return std::hash<ostree::Checksum>()(object.checksum) ^ static_cast<size_t>(object.type);
  }
};
