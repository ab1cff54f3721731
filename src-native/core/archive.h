// libarchive, loaded when first needed: libostree may have been built without
// it. Declared here as <archive.h> and <archive_entry.h> do, which the addon is
// compiled without.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "failure.h"

struct archive;
struct archive_entry;

namespace ostree {

// What a libarchive function returns.
enum { kArchiveEof = 1, kArchiveOk = 0, kArchiveWarn = -20, kArchiveFatal = -30 };

struct ArchiveLibrary {
  using ReadCallback = ssize_t (*)(archive*, void* data, const void** buffer);
  using WriteCallback = ssize_t (*)(archive*, void* data, const void* buffer, size_t size);
  using Callback = int (*)(archive*, void* data);

  archive* (*read_new)();
  int (*read_free)(archive*);
  int (*read_open)(archive*, void* data, Callback open, ReadCallback read, Callback close);
  int (*read_next_header)(archive*, archive_entry**);
  ssize_t (*read_data)(archive*, void* buffer, size_t size);
  const char* (*entry_pathname)(archive_entry*);
  const char* (*entry_hardlink)(archive_entry*);
  const char* (*entry_symlink)(archive_entry*);
  const struct stat* (*entry_stat)(archive_entry*);
  int (*entry_xattr_reset)(archive_entry*);
  int (*entry_xattr_next)(archive_entry*, const char** name, const void** value, size_t* size);

  archive* (*write_new)();
  int (*write_free)(archive*);
  int (*write_close)(archive*);
  int (*write_set_format_gnutar)(archive*);
  int (*write_add_filter_none)(archive*);
  int (*write_set_bytes_per_block)(archive*, int size);
  int (*write_set_bytes_in_last_block)(archive*, int size);
  int (*write_open)(archive*, void* data, Callback open, WriteCallback write, Callback close);

  const char* (*error_string)(archive*);
  void* handle;

  // Functions that are only called once: archive_read_support_filter_xz, say. What this libarchive lacks is
  // left out.
  void Enable(archive* reader, const char* function) const;
  std::string Error(archive* from) const;
};

// Goes by the read_free or write_free it was made with.
using OwnedArchive = std::unique_ptr<archive, int (*)(archive*)>;

// Throws NOT_SUPPORTED where there is none.
const ArchiveLibrary& LoadArchiveLibrary();

// Names are UTF-8 to libarchive on this thread, whatever the locale of the process.
class Utf8Locale {
 public:
  Utf8Locale();
  ~Utf8Locale();
  Utf8Locale(const Utf8Locale&) = delete;

 private:
  void* locale_;
  void* before_ = nullptr;
};

}  // namespace ostree
