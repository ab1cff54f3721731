#include "engine/metadata.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>

#include "core/failure.h"

namespace ostree {
namespace {

// Calls until the answer fits; nothing when the file has none or the file
// system knows no attributes.
template <class Call>
std::string ReadAll(Call call, const char* name, const PathName& path) {
  std::string buffer(256, '\0');
  for (;;) {
    ssize_t size = call(buffer.data(), buffer.size());
    if (size >= 0) {
      buffer.resize(static_cast<size_t>(size));
      return buffer;
    }
    if (errno == ENOTSUP || errno == ENODATA) return {};
    if (errno != ERANGE) throw Failure::Errno(name, path());
    ssize_t wanted = call(nullptr, 0);
    buffer.resize(std::max(buffer.size() * 2, static_cast<size_t>(std::max<ssize_t>(wanted, 0))));
  }
}

template <class List, class Get>
Xattrs Read(List list, Get get, const PathName& path, OstreeMeta meta) {
  auto names = ReadAll(list, "listxattr", path);
  std::map<std::string, std::string> found;
  for (size_t at = 0; at < names.size();) {
    std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (meta == OstreeMeta::kDrop && name == "user.ostreemeta") continue;
    auto get_it = [&get, &name](char* buffer, size_t size) { return get(name.c_str(), buffer, size); };
    auto value = ReadAll(get_it, "getxattr", path);
    if (!value.empty()) found.emplace(std::move(name), std::move(value));
  }
  if (found.empty()) return {};

  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
  for (const auto& [name, value] : found)
    g_variant_builder_add(&builder, "(@ay@ay)", g_variant_new_bytestring(name.c_str()),
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value.data(), value.size(), 1));
  return Xattrs::Share(g_variant_builder_end(&builder));
}

GVariant* OrNone(const Xattrs& xattrs) {
  return xattrs ? xattrs.get() : g_variant_new_array(G_VARIANT_TYPE("(ayay)"), nullptr, 0);
}

}  // namespace

Xattrs ReadXattrs(int fd, const PathName& path, OstreeMeta meta) {
  auto list = [fd](char* buffer, size_t size) { return flistxattr(fd, buffer, size); };
  auto get = [fd](const char* name, char* buffer, size_t size) { return fgetxattr(fd, name, buffer, size); };
  return Read(list, get, path, meta);
}

Xattrs ReadLinkXattrs(int fd, const PathName& path, OstreeMeta meta) {
  // The f... calls refuse an O_PATH descriptor; its name in /proc leads to the
  // very inode, and no further.
  auto link = "/proc/self/fd/" + std::to_string(fd);
  auto list = [&link](char* buffer, size_t size) { return listxattr(link.c_str(), buffer, size); };
  auto get = [&link](const char* name, char* buffer, size_t size) {
    return getxattr(link.c_str(), name, buffer, size);
  };
  return Read(list, get, path, meta);
}

bool StoresXattrs(OstreeRepo* repo) {
  return ostree_repo_get_mode(repo) != OSTREE_REPO_MODE_BARE_USER_ONLY &&
         !g_key_file_get_boolean(ostree_repo_get_config(repo), "core", "disable-xattrs", nullptr);
}

// A (uuuusa(ayay)) without GVariant's help, as there is one for every file: four numbers, the target, the
// attributes, and where the target ends, in as few bytes as can say how long all that is.
std::string ContentHeader(const Owner& owner, const std::string& target, const Xattrs& xattrs) {
  size_t target_end = 16 + target.size() + 1;
  size_t body = target_end + (xattrs ? g_variant_get_size(xattrs.get()) : 0);
  size_t width = body + 1 <= UINT8_MAX ? 1 : body + 2 <= UINT16_MAX ? 2 : 4;
  // Before it stand its own size, and padding to 8 bytes.
  const uint32_t numbers[] = {static_cast<uint32_t>(body + width), 0, owner.uid, owner.gid, owner.mode, 0};

  std::string bytes;
  bytes.reserve(8 + body + width);
  for (auto number : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
  bytes.append(target.c_str(), target.size() + 1);
  if (xattrs) bytes.append(static_cast<const char*>(g_variant_get_data(xattrs.get())), body - target_end);
  for (; width > 0; width--, target_end >>= 8) bytes += static_cast<char>(target_end & 0xff);
  return bytes;
}

Shared<GVariant> DirMeta(const Owner& owner, const Xattrs& xattrs) {
  return Shared<GVariant>::Share(g_variant_new("(uuu@a(ayay))", GUINT32_TO_BE(owner.uid),
                                               GUINT32_TO_BE(owner.gid), GUINT32_TO_BE(owner.mode),
                                               OrNone(xattrs)));
}

}  // namespace ostree
