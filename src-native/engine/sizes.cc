#include "engine/sizes.h"

#include <algorithm>

#include "engine/batches.h"
#include "engine/load_file.h"
#include "engine/load_metadata.h"
#include "engine/object_list.h"
#include "engine/reachable.h"

namespace ostree {
namespace {

// Seven bits a byte, the lowest first; the last one's top bit is clear.
void AppendNumber(std::string& bytes, uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  bytes += static_cast<char>(number);
}

std::string EntryOf(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable) {
  uint64_t stored = ObjectSize(repo, object, cancellable);
  uint64_t unpacked = stored;
  if (object.type == OSTREE_OBJECT_TYPE_FILE)
    unpacked = LoadFile(repo, object.checksum.Hex(), kFileInfo, cancellable).info.size;
  std::string entry(reinterpret_cast<const char*>(object.checksum.data()), Checksum::size());
  AppendNumber(entry, stored);
  AppendNumber(entry, unpacked);
  entry += static_cast<char>(object.type);
  return entry;
}

std::vector<ObjectId> ObjectsOf(OstreeRepo* repo, const TreeLinks::Dir& root, GCancellable* cancellable) {
  Reachable found;
  TreeGraph graph;
  auto read = [&](const Checksum& dirtree) -> std::optional<TreeLinks> {
    return ParseDirTree(LoadMetadata(repo, OSTREE_OBJECT_TYPE_DIR_TREE, dirtree.Hex(), cancellable).get());
  };
  graph.Load({root.contents}, read, cancellable);
  graph.Collect(root, found.trees);
  auto objects = found.List();
  std::sort(objects.begin(), objects.end(),
            [](const ObjectId& a, const ObjectId& b) { return a.checksum < b.checksum; });
  return objects;
}

}  // namespace

Shared<GVariant> SizesOf(OstreeRepo* repo, const Checksum& contents, const Checksum& metadata,
                         GCancellable* cancellable) {
  auto objects = ObjectsOf(repo, {contents, metadata}, cancellable);
  std::vector<std::string> entries(objects.size());
  RunInBatches(objects.size(), cancellable,
               [&](size_t i) { entries[i] = EntryOf(repo, objects[i], cancellable); });
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("aay"));
  for (const auto& entry : entries)
    g_variant_builder_add_value(
        &builder, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, entry.data(), entry.size(), 1));
  return Shared<GVariant>::Share(g_variant_builder_end(&builder));
}

}  // namespace ostree
