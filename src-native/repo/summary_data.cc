#include "summary_data.h"

namespace ostree {
namespace {

// Numbers are big-endian.
std::optional<double> Time(GVariant* metadata, const char* key) {
  guint64 time = 0;
  if (!g_variant_lookup(metadata, key, "t", &time)) return std::nullopt;
  return static_cast<double>(GUINT64_FROM_BE(time));
}

std::optional<std::string> Text(GVariant* metadata, const char* key) {
  const char* text = nullptr;
  if (!g_variant_lookup(metadata, key, "&s", &text)) return std::nullopt;
  return text;
}

std::optional<bool> Flag(GVariant* metadata, const char* key) {
  gboolean flag = FALSE;
  if (!g_variant_lookup(metadata, key, "b", &flag)) return std::nullopt;
  return flag != FALSE;
}

// (s(taya{sv}))
SummaryRef ParseRef(GVariant* entry, const std::optional<std::string>& collection_id, VariantMode mode) {
  SummaryRef ref;
  const char* name = nullptr;
  guint64 size = 0;
  Shared<GVariant> checksum, metadata;
  g_variant_get(entry, "(&s(t@ay@a{sv}))", &name, &size, static_cast<GVariant**>(Out(checksum)),
                static_cast<GVariant**>(Out(metadata)));
  ref.ref = name;
  ref.collectionId = collection_id;
  Try(ostree_validate_structureof_csum_v, checksum.get());
  ref.checksum = Owned<char>(ostree_checksum_from_bytes_v(checksum.get())).get();
  ref.size = size;
  ref.timestamp = Time(metadata.get(), "ostree.commit.timestamp");
  ref.version = Text(metadata.get(), "ostree.commit.version");
  ref.metadata = {metadata, mode};
  return ref;
}

void AddRefs(SummaryData& summary, GVariant* refs, const std::optional<std::string>& collection_id) {
  gsize size = g_variant_n_children(refs);
  if (size > kMaxVariantValues - summary.refs.size())
    throw Failure("TOO_LARGE", "The summary has more than " + std::to_string(kMaxVariantValues) + " refs");
  for (gsize i = 0; i < size; i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(refs, i));
    summary.refs.push_back(ParseRef(entry.get(), collection_id, summary.metadata.mode));
  }
}

}  // namespace

SummaryData ParseSummary(GBytes* bytes, VariantMode mode) {
  auto variant =
      Shared<GVariant>::Share(g_variant_new_from_bytes(OSTREE_SUMMARY_GVARIANT_FORMAT, bytes, FALSE));
  if (!g_variant_is_normal_form(variant.get()))
    throw Failure("CORRUPT", "The summary is not in normal form: it is damaged, or something else");
  SummaryData summary;
  auto refs = Shared<GVariant>::Take(g_variant_get_child_value(variant.get(), 0));
  auto metadata = Shared<GVariant>::Take(g_variant_get_child_value(variant.get(), 1));
  summary.metadata = {metadata, mode};
  summary.lastModified = Time(metadata.get(), "ostree.summary.last-modified");
  summary.expires = Time(metadata.get(), "ostree.summary.expires");
  summary.collectionId = Text(metadata.get(), "ostree.summary.collection-id");
  summary.mode = Text(metadata.get(), "ostree.summary.mode");
  summary.tombstoneCommits = Flag(metadata.get(), "ostree.summary.tombstone-commits");
  summary.indexedDeltas = Flag(metadata.get(), "ostree.summary.indexed-deltas");
  AddRefs(summary, refs.get(), summary.collectionId);

  auto map = Shared<GVariant>::Take(g_variant_lookup_value(metadata.get(), "ostree.summary.collection-map",
                                                           G_VARIANT_TYPE("a{sa(s(taya{sv}))}")));
  for (gsize i = 0; map && i < g_variant_n_children(map.get()); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(map.get(), i));
    const char* id = nullptr;
    Shared<GVariant> others;
    g_variant_get(entry.get(), "{&s@a(s(taya{sv}))}", &id, static_cast<GVariant**>(Out(others)));
    AddRefs(summary, others.get(), id);
  }
  return summary;
}

}  // namespace ostree
