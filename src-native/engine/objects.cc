#include "engine/objects.h"

#include <algorithm>

#include "core/failure.h"
#include "core/hash.h"
#include "engine/glob.h"
#include "engine/links.h"

namespace ostree {
namespace {

// Verified, a directory cannot contain itself: whoever walks down comes to an end.
Shared<GVariant> Load(OstreeRepo* repo, OstreeObjectType type, const Checksum& checksum) {
  return LoadVerified(repo, {type, checksum});
}

}  // namespace

Checksum ChecksumOf(GVariant* object) {
  Sha256 sha;
  sha.Update(g_variant_get_data(object), g_variant_get_size(object));
  return Checksum::FromHex(sha.Hex());
}

Checksum ChecksumChild(GVariant* parent, size_t index) {
  auto child = Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
  gsize size = 0;
  auto* bytes = g_variant_get_fixed_array(child.get(), &size, 1);
  return Checksum::FromBytes(bytes, size);
}

DirContents ParseDirContents(GVariant* dirtree) {
  auto view = ViewDirTree(dirtree);
  DirContents result;
  result.files.reserve(view.files.size());
  result.dirs.reserve(view.dirs.size());
  for (const auto& file : view.files) result.files.push_back({std::string(file.name), file.checksum});
  for (const auto& dir : view.dirs)
    result.dirs.push_back({std::string(dir.name), dir.contents, dir.metadata});
  return result;
}

DirContents LoadDirTree(OstreeRepo* repo, const Checksum& checksum) {
  return ParseDirContents(Load(repo, OSTREE_OBJECT_TYPE_DIR_TREE, checksum).get());
}

DirMetadata ParseDirMeta(GVariant* dirmeta) {
  guint32 uid, gid, mode;
  Xattrs xattrs;
  g_variant_get(dirmeta, "(uuu@a(ayay))", &uid, &gid, &mode, static_cast<GVariant**>(Out(xattrs)));
  return {{GUINT32_FROM_BE(uid), GUINT32_FROM_BE(gid), GUINT32_FROM_BE(mode)}, xattrs};
}

DirMetadata LoadDirMeta(OstreeRepo* repo, const Checksum& checksum) {
  return ParseDirMeta(Load(repo, OSTREE_OBJECT_TYPE_DIR_META, checksum).get());
}

DirContents::Dir LoadCommitRoot(OstreeRepo* repo, const Checksum& commit, const std::string& subpath) {
  auto object = Load(repo, OSTREE_OBJECT_TYPE_COMMIT, commit);
  DirContents::Dir dir{"", ChecksumChild(object.get(), 6), ChecksumChild(object.get(), 7)};
  for (auto name : SplitPath(subpath)) {
    auto contents = LoadDirTree(repo, dir.contents);
    auto is_it = [name](const auto& entry) { return entry.name == name; };
    auto found = std::find_if(contents.dirs.begin(), contents.dirs.end(), is_it);
    if (found == contents.dirs.end()) {
      bool is_file = std::any_of(contents.files.begin(), contents.files.end(), is_it);
      Failure failure(is_file ? "NOT_DIRECTORY" : "NOT_FOUND",
                      "No directory " + subpath + " in commit " + commit.Hex());
      failure.path = subpath;
      failure.checksum = commit.Hex();
      throw failure;
    }
    dir = DirContents::Dir(*found);
  }
  return dir;
}

}  // namespace ostree
