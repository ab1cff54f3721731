#include "signatures.h"

#include <algorithm>

namespace ostree {
namespace {

Bytes ToBytes(GVariant* ay) {
  gsize size = 0;
  auto* data = static_cast<const uint8_t*>(g_variant_get_fixed_array(ay, &size, 1));
  return size ? Bytes(data, data + size) : Bytes();
}

std::vector<Bytes> ToList(GVariant* aay) {
  std::vector<Bytes> list;
  for (gsize i = 0; i < g_variant_n_children(aay); i++)
    list.push_back(ToBytes(Shared<GVariant>::Take(g_variant_get_child_value(aay, i)).get()));
  return list;
}

GVariant* ToVariant(const std::vector<Bytes>& list) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("aay"));
  for (const auto& entry : list)
    g_variant_builder_add_value(
        &builder, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, entry.data(), entry.size(), 1));
  return g_variant_builder_end(&builder);
}

bool IsSignatureKey(std::string_view key) {
  return key == kGpgSignatures || key.substr(0, 12) == "ostree.sign.";
}

Shared<GVariant> Replace(GVariant* metadata, const std::string& key, const std::vector<Bytes>& list) {
  GVariantDict dict;
  g_variant_dict_init(&dict, metadata);
  if (list.empty())
    g_variant_dict_remove(&dict, key.c_str());
  else
    g_variant_dict_insert_value(&dict, key.c_str(), ToVariant(list));
  return Shared<GVariant>::Share(g_variant_dict_end(&dict));
}

}  // namespace

SignatureMap SignaturesIn(GVariant* metadata) {
  SignatureMap signatures;
  for (gsize i = 0; metadata && i < g_variant_n_children(metadata); i++) {
    auto entry = Shared<GVariant>::Take(g_variant_get_child_value(metadata, i));
    auto key = Shared<GVariant>::Take(g_variant_get_child_value(entry.get(), 0));
    auto boxed = Shared<GVariant>::Take(g_variant_get_child_value(entry.get(), 1));
    auto value = Shared<GVariant>::Take(g_variant_get_variant(boxed.get()));
    const char* name = g_variant_get_string(key.get(), nullptr);
    // Of two entries with one key the first counts, as for g_variant_lookup_value().
    if (IsSignatureKey(name) && g_variant_is_of_type(value.get(), G_VARIANT_TYPE("aay")))
      signatures.emplace(name, ToList(value.get()));
  }
  return signatures;
}

Shared<GVariant> AddSignature(GVariant* metadata, const std::string& key, const Bytes& signature) {
  if (!IsSignatureKey(key)) throw Failure("INVALID_ARGUMENT", "No key of signatures: " + key);
  auto list = SignaturesIn(metadata)[key];
  if (std::find(list.begin(), list.end(), signature) != list.end())
    throw Failure("EXISTS", "This signature is already there");
  list.push_back(signature);
  return Replace(metadata, key, list);
}

Removed RemoveSignatures(GVariant* metadata, const SignatureMap& unwanted) {
  Removed result{Shared<GVariant>::Share(metadata), 0};
  auto present = SignaturesIn(metadata);
  for (const auto& [key, entries] : unwanted) {
    auto& list = present[key];
    auto is_unwanted = [&](const Bytes& signature) {
      return std::find(entries.begin(), entries.end(), signature) != entries.end();
    };
    auto count = std::erase_if(list, is_unwanted);
    if (count) result.metadata = Replace(result.metadata.get(), key, list);
    result.count += count;
  }
  return result;
}

}  // namespace ostree
