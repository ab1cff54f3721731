#include "engine/tar.h"

#include <algorithm>
#include <cstring>

#include "engine/glob.h"
#include "engine/names.h"

namespace ostree {
namespace {

constexpr size_t kBlock = 256 << 10;

// Neither formats that name files of this machine (mtree), nor filters that are programs.
constexpr const char* kUnderstood[] = {
    "archive_read_support_format_tar",      "archive_read_support_format_cpio",
    "archive_read_support_format_zip",      "archive_read_support_format_empty",
    "archive_read_support_filter_gzip",     "archive_read_support_filter_bzip2",
    "archive_read_support_filter_xz",       "archive_read_support_filter_lzma",
    "archive_read_support_filter_zstd",     "archive_read_support_filter_lz4",
    "archive_read_support_filter_compress",
};

class Reader {
 public:
  explicit Reader(const TarInput& input)
      : library_(LoadArchiveLibrary()), input_(input), archive_(library_.read_new(), library_.read_free) {
    for (auto* function : kUnderstood) library_.Enable(archive_.get(), function);
    if (library_.read_open(archive_.get(), this, nullptr, OnRead, nullptr) != kArchiveOk) Fail();
  }
  Reader(const Reader&) = delete;

  const ArchiveLibrary& library() const { return library_; }

  // Null at the end.
  archive_entry* Next() {
    archive_entry* entry = nullptr;
    int result = library_.read_next_header(archive_.get(), &entry);
    if (error_) std::rethrow_exception(error_);
    if (result == kArchiveEof) return nullptr;
    if (result != kArchiveOk) Fail();
    return entry;
  }
  // 0 at the end of the entry.
  size_t Read(char* buffer, size_t size) {
    ssize_t count = library_.read_data(archive_.get(), buffer, size);
    if (error_) std::rethrow_exception(error_);
    if (count < 0) Fail();
    return static_cast<size_t>(count);
  }

 private:
  static ssize_t OnRead(archive*, void* data, const void** buffer) {
    auto* self = static_cast<Reader*>(data);
    if (self->error_) return -1;
    try {
      *buffer = self->block_.data();
      return static_cast<ssize_t>(self->input_(self->block_.data(), self->block_.size()));
    } catch (const std::exception&) {
      self->error_ = std::current_exception();
      return -1;
    }
  }
  [[noreturn]] void Fail() const {
    if (error_) std::rethrow_exception(error_);
    throw Failure("CORRUPT", "The archive cannot be read: " + library_.Error(archive_.get()));
  }

  const ArchiveLibrary& library_;
  const TarInput& input_;
  std::vector<char> block_ = std::vector<char>(kBlock);
  std::exception_ptr error_;
  const OwnedArchive archive_;  // goes first: it may still call
};

bool IsZero(const char* data, size_t size) {
  return size > 0 && data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

std::string Text(const char* text) { return text ? text : ""; }

// As the command: what is absolute begins at the root, and ".." is refused.
std::vector<std::string> Steps(const std::string& path) {
  std::vector<std::string> steps;
  auto named = [&path] { return path; };
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    auto step = path.substr(at, end - at);
    at = end + 1;
    if (step == "..") throw PathFailure("INVALID_ARGUMENT", "The archive has a path with '..'", path);
    if (step.empty() || step == ".") continue;
    CheckName(step, named);
    steps.push_back(step);
  }
  return steps;
}

// In the order of the archive, which is part of the checksum.
Xattrs ReadXattrs(const ArchiveLibrary& library, archive_entry* entry) {
  if (library.entry_xattr_reset(entry) == 0) return {};
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (library.entry_xattr_next(entry, &name, &value, &size) == kArchiveOk) {
    if (std::string_view(name) == "user.ostreemeta") continue;
    g_variant_builder_add(&builder, "(@ay@ay)", g_variant_new_bytestring(name),
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value, size, 1));
  }
  return Xattrs::Share(g_variant_builder_end(&builder));
}

TarEntry Describe(const ArchiveLibrary& library, archive_entry* entry) {
  TarEntry result;
  auto path = Text(library.entry_pathname(entry));
  result.path = Steps(path);
  const auto& status = *library.entry_stat(entry);
  result.owner = {status.st_uid, status.st_gid, status.st_mode};
  result.size = static_cast<uint64_t>(std::max<off_t>(status.st_size, 0));
  result.xattrs = ReadXattrs(library, entry);
  if (auto* hardlink = library.entry_hardlink(entry)) {
    result.is_hardlink = true;
    result.target = Steps(hardlink);
    result.owner.mode |= S_IFREG;  // some archives have permissions only
  }
  auto mode = result.owner.mode;
  if (S_ISLNK(mode)) {
    result.link = Text(library.entry_symlink(entry));
    if (!g_utf8_validate(result.link.data(), static_cast<gssize>(result.link.size()), nullptr))
      throw PathFailure("INVALID_ARGUMENT", "A symbolic link to what is not UTF-8, which OSTree cannot store",
                        path);
  }
  if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
    throw PathFailure("NOT_SUPPORTED", "The archive has a device, pipe or socket, which OSTree cannot store",
                      path);
  if (!S_ISREG(mode)) result.size = 0;
  if (result.path.empty() && !S_ISDIR(mode))
    throw PathFailure("INVALID_ARGUMENT", "The archive has something other than a directory as its root",
                      path);
  return result;
}

}  // namespace

Spool::Spool(OstreeRepo* repo) {
  int root = ostree_repo_get_dfd(repo);
  fd_ = Fd(openat(root, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (fd_) return;
  // A file system without such files.
  std::string name = "tmp/tar-" + std::string(Owned<char>(g_uuid_string_random()).get());
  fd_ = Fd(openat(root, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd_) throw Failure::Errno("open", "tmp");
  unlinkat(root, name.c_str(), 0);
}

void Spool::Append(const char* data, size_t size) {
  // A file's holes may be far larger than the archive, or the disk.
  if (IsZero(data, size)) {
    size_ += size;
    if (ftruncate(fd_.get(), static_cast<off_t>(size_)) < 0) throw Failure::Errno("ftruncate", "tmp");
    return;
  }
  for (size_t at = 0; at < size;) {
    ssize_t count = pwrite(fd_.get(), data + at, size - at, static_cast<off_t>(size_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("write", "tmp");
    at += static_cast<size_t>(count);
    size_ += static_cast<uint64_t>(count);
  }
}

size_t SpooledContent::Read(char* buffer, size_t size) {
  size = static_cast<size_t>(std::min<uint64_t>(size, size_ - position_));
  for (;;) {
    ssize_t count = pread(spool_->fd(), buffer, size, static_cast<off_t>(offset_ + position_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("read", "tmp");
    position_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }
}

std::string TarEntry::Path() const {
  std::string text;
  for (const auto& step : path) text += "/" + step;
  return text.empty() ? "/" : text;
}

std::vector<TarEntry> ReadTar(const TarInput& input, Spool& spool, GCancellable* cancellable) {
  Utf8Locale utf8;
  Reader reader(input);
  std::vector<TarEntry> entries;
  std::vector<char> buffer(kBlock);
  while (auto* found = reader.Next()) {
    ThrowIfCancelled(cancellable);
    auto entry = Describe(reader.library(), found);
    entry.offset = spool.size();
    if (entry.size > 0) {
      while (size_t count = reader.Read(buffer.data(), buffer.size())) {
        ThrowIfCancelled(cancellable);
        spool.Append(buffer.data(), count);
      }
      if (spool.size() - entry.offset != entry.size)
        throw PathFailure("CORRUPT", "The archive has less or more of a file than it says", entry.Path());
    }
    entries.push_back(std::move(entry));
  }
  // What follows the archive's end is not of it; but a stream may still fail, and whoever writes it wants to
  // be rid of it.
  while (input(buffer.data(), buffer.size()) > 0) ThrowIfCancelled(cancellable);
  return entries;
}

}  // namespace ostree
