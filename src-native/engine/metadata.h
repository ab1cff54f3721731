// The metadata of a file or directory as libostree's objects hold it: owner,
// mode, link target, extended attributes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/ptr.h"

namespace ostree {

struct Owner {
  uint32_t uid = 0, gid = 0;
  uint32_t mode = 0;  // with the file type, S_IFREG and so on

  friend bool operator==(const Owner&, const Owner&) = default;
};

// a(ayay), sorted by name; null is the same as none.
using Xattrs = Shared<GVariant>;

// Names a file in an error; only called when there is one.
using PathName = std::function<std::string()>;

// Of an open file or directory. Sorted, as libostree wants them; without empty
// ones, which libostree never stores, and without `user.ostreemeta`, in which a
// bare-user repository keeps the real metadata of an object.
enum class OstreeMeta { kDrop, kKeep };
Xattrs ReadXattrs(int fd, const PathName& path, OstreeMeta meta = OstreeMeta::kDrop);
// Of a symbolic link, or of anything else that was opened with O_PATH.
Xattrs ReadLinkXattrs(int fd, const PathName& path, OstreeMeta meta = OstreeMeta::kDrop);
// False in bare-user-only mode, and with core.disable-xattrs, which libostree's own commit path honours.
bool StoresXattrs(OstreeRepo* repo);

// What the checksum of a content object covers before the data: the bytes that
// ostree_raw_file_to_content_stream() puts there.
std::string ContentHeader(const Owner& owner, const std::string& target, const Xattrs& xattrs);
// The dirmeta object of a directory.
Shared<GVariant> DirMeta(const Owner& owner, const Xattrs& xattrs);

}  // namespace ostree
