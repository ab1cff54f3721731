// How libostree asks servers: what pulls and summary fetches have in common.
#pragma once

#include <string>
#include <vector>

#include "core/convert.h"

namespace ostree {

// curl refuses strings of 8 MB and more, and libostree asserts that it does not.
constexpr size_t kMaxCurlString = 1 << 20;

struct HttpHeader {
  std::string name, value;

  void Fields(auto&& field) {
    field("name", name);
    field("value", value);
  }
};

struct FetchOptions {
  std::optional<std::string> overrideUrl, appendUserAgent;
  std::vector<HttpHeader> httpHeaders;
  std::optional<uint32_t> networkRetries;

  void Fields(auto&& field) {
    field("overrideUrl", overrideUrl);
    field("appendUserAgent", appendUserAgent);
    field("httpHeaders", httpHeaders);
    field("networkRetries", networkRetries);
  }

  // As entries of an a{sv}. INVALID_ARGUMENT where one is too long for curl.
  void AddTo(GVariantDict* dict) const;
};

}  // namespace ostree
