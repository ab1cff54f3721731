#include "archive.h"

#include <dlfcn.h>
#include <locale.h>

namespace ostree {
namespace {

constexpr const char* kLibrary = "libarchive.so.13";

template <class Function>
bool Find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  return function != nullptr;
}

bool FindAll(ArchiveLibrary& library) {
  void* handle = library.handle;
  return handle && Find(handle, "archive_read_new", library.read_new) &&
         Find(handle, "archive_read_free", library.read_free) &&
         Find(handle, "archive_read_open", library.read_open) &&
         Find(handle, "archive_read_next_header", library.read_next_header) &&
         Find(handle, "archive_read_data", library.read_data) &&
         Find(handle, "archive_entry_pathname", library.entry_pathname) &&
         Find(handle, "archive_entry_hardlink", library.entry_hardlink) &&
         Find(handle, "archive_entry_symlink", library.entry_symlink) &&
         Find(handle, "archive_entry_stat", library.entry_stat) &&
         Find(handle, "archive_entry_xattr_reset", library.entry_xattr_reset) &&
         Find(handle, "archive_entry_xattr_next", library.entry_xattr_next) &&
         Find(handle, "archive_write_new", library.write_new) &&
         Find(handle, "archive_write_free", library.write_free) &&
         Find(handle, "archive_write_close", library.write_close) &&
         Find(handle, "archive_write_set_format_gnutar", library.write_set_format_gnutar) &&
         Find(handle, "archive_write_add_filter_none", library.write_add_filter_none) &&
         Find(handle, "archive_write_set_bytes_per_block", library.write_set_bytes_per_block) &&
         Find(handle, "archive_write_set_bytes_in_last_block", library.write_set_bytes_in_last_block) &&
         Find(handle, "archive_write_open", library.write_open) &&
         Find(handle, "archive_error_string", library.error_string);
}

struct Loaded {
  ArchiveLibrary library = {};
  bool found;
  Loaded() {
    library.handle = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);
    found = FindAll(library);
  }
};

}  // namespace

void ArchiveLibrary::Enable(archive* reader, const char* function) const {
  int (*enable)(archive*) = nullptr;
  if (Find(handle, function, enable)) enable(reader);
}

std::string ArchiveLibrary::Error(archive* from) const {
  auto* text = error_string(from);
  return text ? text : "libarchive failed without saying why";
}

const ArchiveLibrary& LoadArchiveLibrary() {
  static const Loaded loaded;
  if (!loaded.found)
    throw Failure("NOT_SUPPORTED", std::string("Tar archives need ") + kLibrary +
                                       ", which is not on this machine; install libarchive");
  return loaded.library;
}

Utf8Locale::Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
  if (locale_) before_ = uselocale(static_cast<locale_t>(locale_));
}

Utf8Locale::~Utf8Locale() {
  if (!locale_) return;
  uselocale(static_cast<locale_t>(before_));
  freelocale(static_cast<locale_t>(locale_));
}

}  // namespace ostree
