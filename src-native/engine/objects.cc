#include "engine/objects.h"

#include <algorithm>

#include "core/failure.h"
#include "core/hash.h"
#include "engine/glob.h"
#include "engine/links.h"

namespace ostree {
namespace {

// A child that is an `ay` with a checksum in it.
Checksum ChecksumChild(GVariant* parent, size_t index) {
  auto child = Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
  gsize size = 0;
  auto* bytes = g_variant_get_fixed_array(child.get(), &size, 1);
  return Checksum::FromBytes(bytes, size);
}

std::string StringChild(GVariant* parent, size_t index) {
  auto child = Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
  return g_variant_get_string(child.get(), nullptr);
}

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

DirContents ParseDirContents(GVariant* dirtree) {
  DirContents result;
  auto files = Shared<GVariant>::Take(g_variant_get_child_value(dirtree, 0));
  for (size_t i = 0; i < g_variant_n_children(files.get()); i++) {
    auto file = Shared<GVariant>::Take(g_variant_get_child_value(files.get(), i));
    result.files.push_back({StringChild(file.get(), 0), ChecksumChild(file.get(), 1)});
  }
  auto dirs = Shared<GVariant>::Take(g_variant_get_child_value(dirtree, 1));
  for (size_t i = 0; i < g_variant_n_children(dirs.get()); i++) {
    auto dir = Shared<GVariant>::Take(g_variant_get_child_value(dirs.get(), i));
    result.dirs.push_back(
        {StringChild(dir.get(), 0), ChecksumChild(dir.get(), 1), ChecksumChild(dir.get(), 2)});
  }
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
