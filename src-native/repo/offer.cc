#include "offer.h"

namespace ostree {
namespace {

// (s(taya{sv}))
OfferedRef ParseRef(GVariant* entry, const std::optional<std::string>& collection_id) {
  OfferedRef ref;
  const char* name = nullptr;
  guint64 size = 0;  // of the commit object
  Shared<GVariant> checksum, metadata;
  g_variant_get(entry, "(&s(t@ay@a{sv}))", &name, &size, static_cast<GVariant**>(Out(checksum)),
                static_cast<GVariant**>(Out(metadata)));
  ref.ref = name;
  ref.collectionId = collection_id;
  Try(ostree_validate_structureof_csum_v, checksum.get());
  ref.checksum = Owned<char>(ostree_checksum_from_bytes_v(checksum.get())).get();
  guint64 timestamp = 0;
  const char* version = nullptr;
  if (g_variant_lookup(metadata.get(), "ostree.commit.timestamp", "t", &timestamp))
    ref.timestamp = static_cast<double>(GUINT64_FROM_BE(timestamp));
  if (g_variant_lookup(metadata.get(), "ostree.commit.version", "&s", &version)) ref.version = version;
  return ref;
}

void AddRefs(Offer& summary, GVariant* refs, const std::optional<std::string>& collection_id) {
  for (gsize i = 0; i < g_variant_n_children(refs); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(refs, i));
    summary.refs.push_back(ParseRef(entry.get(), collection_id));
  }
}

}  // namespace

Offer ParseOffer(GBytes* bytes) {
  auto variant =
      Shared<GVariant>::Share(g_variant_new_from_bytes(OSTREE_SUMMARY_GVARIANT_FORMAT, bytes, FALSE));
  if (!g_variant_is_normal_form(variant.get()))
    throw Failure("CORRUPT", "The summary is not in normal form: it is damaged, or something else");
  Offer summary;
  auto refs = Shared<GVariant>::Take(g_variant_get_child_value(variant.get(), 0));
  summary.metadata = Shared<GVariant>::Take(g_variant_get_child_value(variant.get(), 1));

  std::optional<std::string> collection_id;
  const char* id = nullptr;
  if (g_variant_lookup(summary.metadata.get(), "ostree.summary.collection-id", "&s", &id)) collection_id = id;
  AddRefs(summary, refs.get(), collection_id);

  auto map = Shared<GVariant>::Take(g_variant_lookup_value(
      summary.metadata.get(), "ostree.summary.collection-map", G_VARIANT_TYPE("a{sa(s(taya{sv}))}")));
  for (gsize i = 0; map && i < g_variant_n_children(map.get()); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(map.get(), i));
    Shared<GVariant> others;
    g_variant_get(entry.get(), "{&s@a(s(taya{sv}))}", &id, static_cast<GVariant**>(Out(others)));
    AddRefs(summary, others.get(), id);
  }
  return summary;
}

}  // namespace ostree
