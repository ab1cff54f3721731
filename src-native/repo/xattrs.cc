#include "xattrs.h"

namespace ostree {
namespace {

Bytes BytesAt(GVariant* tuple, size_t index) {
  auto child = Shared<GVariant>::Take(g_variant_get_child_value(tuple, index));
  gsize size = 0;
  auto* data = static_cast<const uint8_t*>(g_variant_get_fixed_array(child.get(), &size, 1));
  return size ? Bytes(data, data + size) : Bytes();
}

}  // namespace

std::vector<Xattr> XattrList(GVariant* xattrs) {
  std::vector<Xattr> result;
  for (gsize i = 0; i < g_variant_n_children(xattrs); i++) {
    auto pair = Shared<GVariant>::Take(g_variant_get_child_value(xattrs, i));
    auto name = BytesAt(pair.get(), 0);
    while (!name.empty() && name.back() == 0) name.pop_back();
    result.push_back({ValidUtf8(std::string(name.begin(), name.end())), BytesAt(pair.get(), 1)});
  }
  return result;
}

}  // namespace ostree
