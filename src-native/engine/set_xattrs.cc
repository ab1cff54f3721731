#include "engine/set_xattrs.h"

#include <sys/xattr.h>

#include "core/failure.h"

namespace ostree {
namespace {

template <class Set>
void SetEach(GVariant* xattrs, const Set& set, const PathName& path) {
  if (!xattrs) return;
  for (gsize i = 0; i < g_variant_n_children(xattrs); i++) {
    auto pair = Shared<GVariant>::Take(g_variant_get_child_value(xattrs, i));
    auto name = Shared<GVariant>::Take(g_variant_get_child_value(pair.get(), 0));
    auto value = Shared<GVariant>::Take(g_variant_get_child_value(pair.get(), 1));
    gsize size = 0;
    auto* data = g_variant_get_fixed_array(value.get(), &size, 1);
    auto* text = g_variant_get_bytestring(name.get());
    if (set(text, data, size) < 0)
      throw Failure::Errno((std::string("setxattr ") + ValidUtf8(text)).c_str(), path());
  }
}

}  // namespace

void SetXattrs(int fd, GVariant* xattrs, const PathName& path) {
  auto set = [fd](const char* name, const void* data, size_t size) {
    return fsetxattr(fd, name, data, size, 0);
  };
  SetEach(xattrs, set, path);
}

void SetXattrsAt(int dir, const std::string& name, GVariant* xattrs, const PathName& path) {
  // There is no setxattrat(); the directory's name in /proc leads to the very directory.
  auto link = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
  auto set = [&link](const char* attribute, const void* data, size_t size) {
    return lsetxattr(link.c_str(), attribute, data, size, 0);
  };
  SetEach(xattrs, set, path);
}

}  // namespace ostree
