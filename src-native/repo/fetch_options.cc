#include "fetch_options.h"

namespace ostree {
namespace {

void CheckLength(size_t length, const char* name) {
  if (length > kMaxCurlString)
    throw Failure("INVALID_ARGUMENT", std::string(name) + " must not be longer than 1 MiB");
}

}  // namespace

void FetchOptions::AddTo(GVariantDict* dict) const {
  if (overrideUrl) CheckLength(overrideUrl->size(), "overrideUrl");
  if (appendUserAgent) CheckLength(appendUserAgent->size(), "appendUserAgent");
  size_t all = 0;
  for (const auto& header : httpHeaders) all += header.name.size() + header.value.size();
  CheckLength(all, "httpHeaders");
  if (overrideUrl) g_variant_dict_insert(dict, "override-url", "s", overrideUrl->c_str());
  if (appendUserAgent) g_variant_dict_insert(dict, "append-user-agent", "s", appendUserAgent->c_str());
  if (networkRetries) g_variant_dict_insert(dict, "n-network-retries", "u", *networkRetries);
  if (httpHeaders.empty()) return;
  GVariantBuilder headers;
  g_variant_builder_init(&headers, G_VARIANT_TYPE("a(ss)"));
  for (const auto& header : httpHeaders)
    g_variant_builder_add(&headers, "(ss)", header.name.c_str(), header.value.c_str());
  g_variant_dict_insert_value(dict, "http-headers", g_variant_builder_end(&headers));
}

}  // namespace ostree
