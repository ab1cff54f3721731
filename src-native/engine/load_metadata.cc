#include "engine/load_metadata.h"

#include "core/variant.h"
#include "engine/loose.h"

namespace ostree {
namespace {

void CheckDirTree(GVariant* dirtree) {
  if (!ParseSoundDirTree(g_variant_get_data(dirtree), g_variant_get_size(dirtree)))
    Try(ostree_validate_structureof_dirtree, dirtree);
}

// The structure of all that an object says, names and checksums too; not the objects it refers to.
void CheckStructure(OstreeObjectType type, GVariant* object) {
  if (type == OSTREE_OBJECT_TYPE_COMMIT)
    Try(ostree_validate_structureof_commit, object);
  else if (type == OSTREE_OBJECT_TYPE_DIR_TREE)
    CheckDirTree(object);
  else
    Try(ostree_validate_structureof_dirmeta, object);
}

size_t CheckSize(OstreeObjectType type, const std::string& checksum, uint64_t size) {
  if (size > kMaxVariantBytes) throw CorruptObject(type, checksum, "larger than any metadata object");
  return size;
}

Shared<GBytes> ReadObject(const LooseFile& file, OstreeObjectType type, const std::string& checksum) {
  return ReadStart(file.fd.get(), CheckSize(type, checksum, static_cast<uint64_t>(file.stat.st_size)));
}

// ostree_repo_load_object_stream: an object of the transaction that this handle has open, or none.
Shared<GBytes> ReadStaged(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                          GCancellable* cancellable) {
  Shared<GInputStream> stream;
  guint64 size = 0;
  Try(ostree_repo_load_object_stream, repo, type, checksum.c_str(), Out(stream), &size, cancellable);
  CheckSize(type, checksum, size);
  return Shared<GBytes>::Take(Try(g_input_stream_read_bytes, stream.get(), size, cancellable));
}

Shared<GVariant> Checked(OstreeObjectType type, const std::string& checksum, GBytes* bytes) {
  auto object = Shared<GVariant>::Share(
      g_variant_new_from_bytes(ostree_metadata_variant_type(type), bytes, /* trusted */ FALSE));
  try {
    CheckStructure(type, object.get());
  } catch (const Failure& failure) {
    throw CorruptObject(type, checksum, failure.message);
  }
  return object;
}

Shared<GVariant> Child(GVariant* object, size_t index) {
  return Shared<GVariant>::Take(g_variant_get_child_value(object, index));
}

}  // namespace

// Not ostree_repo_load_variant(): it maps large objects, and a map of a file that
// somebody truncates ends the process.
Shared<GBytes> LoadMetadataBytes(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                                 GCancellable* cancellable) {
  CheckChecksum(checksum);
  try {
    for (auto* place = repo; place; place = ostree_repo_get_parent(place))
      if (auto file = OpenLoose(place, type, checksum)) return ReadObject(*file, type, checksum);
    return ReadStaged(repo, type, checksum, cancellable);
  } catch (Failure& failure) {
    failure.checksum = checksum;
    throw;
  }
}

Shared<GVariant> LoadMetadata(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum,
                              GCancellable* cancellable) {
  return Checked(type, checksum, LoadMetadataBytes(repo, type, checksum, cancellable).get());
}

LoadedDirTree LoadDirTreeView(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable) {
  constexpr auto type = OSTREE_OBJECT_TYPE_DIR_TREE;
  auto bytes = LoadMetadataBytes(repo, type, checksum, cancellable);
  gsize size = 0;
  auto* data = g_bytes_get_data(bytes.get(), &size);
  if (auto entries = ParseSoundDirTree(data, size)) return {bytes, std::move(*entries)};
  auto entries = ViewDirTree(Checked(type, checksum, bytes.get()).get());
  return {bytes, std::move(entries)};
}

std::string ChecksumAt(GVariant* object, size_t index) {
  gsize size = 0;
  auto child = Child(object, index);
  auto* bytes = static_cast<const guchar*>(g_variant_get_fixed_array(child.get(), &size, 1));
  char hex[OSTREE_SHA256_STRING_LEN + 1];
  ostree_checksum_inplace_from_bytes(bytes, hex);
  return hex;
}

std::string StringAt(GVariant* object, size_t index) {
  gsize size = 0;
  auto child = Child(object, index);
  const char* text = g_variant_get_string(child.get(), &size);
  return std::string(text, size);
}

}  // namespace ostree
