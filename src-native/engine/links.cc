#include "engine/links.h"

#include "engine/load_metadata.h"
#include "engine/objects.h"
#include "engine/sound_dirtree.h"

namespace ostree {

Failure ObjectFailure(const char* code, const ObjectId& object, const std::string& what) {
  auto hex = object.checksum.Hex();
  Failure failure(code, hex + "." + ostree_object_type_to_string(object.type) + ": " + what);
  failure.checksum = hex;
  return failure;
}

Shared<GVariant> LoadMetadata(OstreeRepo* repo, const ObjectId& object) {
  return LoadMetadata(repo, object.type, object.checksum.Hex(), nullptr);
}

Shared<GVariant> LoadVerified(OstreeRepo* repo, const ObjectId& object) {
  auto result = LoadMetadata(repo, object);
  auto actual = ChecksumOf(result.get());
  if (actual != object.checksum) throw ObjectFailure("CORRUPT", object, "actual checksum is " + actual.Hex());
  return result;
}

TreeLinks ParseDirTree(GVariant* dirtree) {
  auto view = ViewDirTree(dirtree);
  TreeLinks links;
  links.files.reserve(view.files.size());
  links.dirs.reserve(view.dirs.size());
  for (const auto& file : view.files) links.files.push_back(file.checksum);
  for (const auto& dir : view.dirs) links.dirs.push_back({dir.contents, dir.metadata});
  return links;
}

CommitLinks ParseCommit(GVariant* commit) {
  CommitLinks links;
  Owned<char> parent(ostree_commit_get_parent(commit));
  if (parent) links.parent = Checksum::FromHex(parent.get());
  links.timestamp = ostree_commit_get_timestamp(commit);
  links.root = {ChecksumChild(commit, 6), ChecksumChild(commit, 7)};
  return links;
}

std::vector<Checksum> ListCommits(OstreeRepo* repo, GCancellable* cancellable) {
  Shared<GHashTable> table;
  Try(ostree_repo_list_commit_objects_starting_with, repo, "", Out(table), cancellable);
  std::vector<Checksum> commits;
  GHashTableIter iter;
  gpointer name = nullptr;
  g_hash_table_iter_init(&iter, table.get());
  while (g_hash_table_iter_next(&iter, &name, nullptr)) {
    const char* checksum = nullptr;
    OstreeObjectType type;
    ostree_object_name_deserialize(static_cast<GVariant*>(name), &checksum, &type);
    // A file whose name only looks like one of a commit.
    if (ostree_validate_checksum_string(checksum, nullptr)) commits.push_back(Checksum::FromHex(checksum));
  }
  return commits;
}

OstreeRepoCommitState CommitState(OstreeRepo* repo, const Checksum& commit) {
  OstreeRepoCommitState state{};
  Try(ostree_repo_load_commit, repo, commit.Hex().c_str(), nullptr, &state);
  return state;
}

}  // namespace ostree
