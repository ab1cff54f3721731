// Loading content objects: what ostree_repo_load_file() does, but safe to do
// with a damaged object, at which that function asserts or reads beyond its end.
#pragma once

#include <string>

#include "core/failure.h"

namespace ostree {

// What a content object says of its file.
struct FileInfo {
  uint32_t mode = 0, uid = 0, gid = 0;  // mode as in st_mode, with the type
  uint64_t size = 0;                    // bytes; of a symlink, of its target
  std::string target;                   // of a symlink, as it is stored: any bytes

  bool is_symlink() const;
};

struct StoredFile {
  FileInfo info;
  Shared<GVariant> xattrs;      // a(ayay); null unless asked for
  Shared<GInputStream> stream;  // null unless asked for, and of a symlink
  bool compressed = false;      // the stream inflates, and cannot seek
};

// kFileData: as kFileStream, for those who only read it: of a small file the stream has the data, and no
// descriptor that the kernel could copy from.
enum FileParts { kFileInfo = 0, kFileXattrs = 1, kFileStream = 2, kFileData = 4 | kFileStream };

// Fails with NOT_FOUND or CORRUPT, and the checksum. `parts` is a set of FileParts.
StoredFile LoadFile(OstreeRepo* repo, const std::string& checksum, int parts, GCancellable* cancellable);

// Some of its data, 0 at the end. CORRUPT where what is compressed does not inflate.
size_t ReadData(const StoredFile& file, const std::string& checksum, char* buffer, size_t size,
                GCancellable* cancellable);
// CORRUPT: there was less of it, or more.
Failure WrongSize(const StoredFile& file, const std::string& checksum);

}  // namespace ostree
