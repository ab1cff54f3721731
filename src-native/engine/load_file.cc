#include "engine/load_file.h"

#include <gio/gunixinputstream.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "core/variant.h"
#include "engine/loose.h"

namespace ostree {
namespace {

// Longer than any symlink target that Linux can hold.
constexpr size_t kMaxTarget = 65536;
// The length of the header, and 4 bytes of padding.
constexpr uint64_t kHeaderPrefix = 8;
// More than most headers have.
constexpr uint64_t kUsualHeader = 4096;
// Objects up to this size are read at once.
constexpr uint64_t kSmallObject = 65536;
// Deflate never does better.
constexpr uint64_t kMaxInflation = 1032;

Failure Corrupt(const std::string& checksum, const std::string& why) {
  return CorruptObject(OSTREE_OBJECT_TYPE_FILE, checksum, why);
}

Shared<GInputStream> StreamOf(Fd fd) {
  return Shared<GInputStream>::Take(g_unix_input_stream_new(fd.release(), TRUE));
}

Shared<GInputStream> StreamOf(const Shared<GBytes>& data) {
  return Shared<GInputStream>::Take(g_memory_input_stream_new_from_bytes(data.get()));
}

FileInfo ReadInfo(GFileInfo* info) {
  FileInfo result;
  result.mode = g_file_info_get_attribute_uint32(info, "unix::mode");
  result.uid = g_file_info_get_attribute_uint32(info, "unix::uid");
  result.gid = g_file_info_get_attribute_uint32(info, "unix::gid");
  result.size = g_file_info_get_attribute_uint64(info, G_FILE_ATTRIBUTE_STANDARD_SIZE);
  if (result.is_symlink()) {
    auto* target = g_file_info_get_attribute_byte_string(info, G_FILE_ATTRIBUTE_STANDARD_SYMLINK_TARGET);
    if (target) result.target = target;
    result.size = result.target.size();
  }
  return result;
}

// The whole of a small object, or of a large one as much as has the header.
Shared<GBytes> ReadHeader(const LooseFile& object, const std::string& checksum, bool with_data) {
  auto file_size = static_cast<uint64_t>(object.stat.st_size);
  auto start =
      ReadStart(object.fd.get(), std::min<uint64_t>(file_size, with_data ? kSmallObject : kUsualHeader));
  uint32_t header_size = 0;
  if (g_bytes_get_size(start.get()) < kHeaderPrefix) throw Corrupt(checksum, "it has no header");
  memcpy(&header_size, g_bytes_get_data(start.get(), nullptr), sizeof header_size);
  header_size = GUINT32_FROM_BE(header_size);
  if (header_size == 0 || header_size > kMaxVariantBytes || header_size + kHeaderPrefix > file_size)
    throw Corrupt(checksum, "its header has an impossible size");
  if (g_bytes_get_size(start.get()) >= header_size + kHeaderPrefix) return start;
  return ReadStart(object.fd.get(), header_size + kHeaderPrefix);
}

// ostree_content_stream_parse, which believes what the header says of its own length.
StoredFile ParseArchive(LooseFile object, const std::string& checksum, int parts, GCancellable* cancellable) {
  bool with_data = parts & kFileStream;
  auto file_size = static_cast<uint64_t>(object.stat.st_size);
  auto start = ReadHeader(object, checksum, with_data);
  bool from_file = with_data && g_bytes_get_size(start.get()) < file_size;
  auto stream = from_file ? StreamOf(std::move(object.fd)) : StreamOf(start);
  StoredFile file;
  file.compressed = true;
  Shared<GFileInfo> info;
  try {
    Try(ostree_content_stream_parse, /* compressed */ TRUE, stream.get(), file_size, /* trusted */ FALSE,
        with_data ? static_cast<GInputStream**>(Out(file.stream)) : nullptr, Out(info),
        parts & kFileXattrs ? static_cast<GVariant**>(Out(file.xattrs)) : nullptr, cancellable);
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED")) throw;
    throw Corrupt(checksum, failure.message);
  }
  file.info = ReadInfo(info.get());
  if (!file.info.is_symlink() && file.info.size / kMaxInflation > file_size)
    throw Corrupt(checksum, "it cannot be as large as its header says");
  return file;
}

// The metadata that a bare-user repository keeps beside the data: (uuua(ayay)), big-endian.
Shared<GVariant> ReadOstreeMeta(int fd, const std::string& checksum) {
  constexpr const char* name = "user.ostreemeta";
  std::vector<uint8_t> data(256);
  auto size = fgetxattr(fd, name, data.data(), data.size());
  if (size < 0 && errno == ERANGE) {
    data.resize(XATTR_SIZE_MAX);
    size = fgetxattr(fd, name, data.data(), data.size());
  }
  if (size < 0 && errno == ENODATA) throw Corrupt(checksum, "it has no attribute user.ostreemeta");
  if (size < 0) throw Failure::Errno("fgetxattr", checksum);
  auto bytes = Shared<GBytes>::Take(g_bytes_new(data.data(), static_cast<size_t>(size)));
  auto meta = Shared<GVariant>::Share(
      g_variant_new_from_bytes(G_VARIANT_TYPE("(uuua(ayay))"), bytes.get(), /* trusted */ FALSE));
  if (!g_variant_is_normal_form(meta.get())) throw Corrupt(checksum, "its user.ostreemeta is damaged");
  return meta;
}

std::string ReadTarget(int fd) {
  auto bytes = ReadStart(fd, kMaxTarget);
  gsize size = 0;
  auto* target = static_cast<const char*>(g_bytes_get_data(bytes.get(), &size));
  return std::string(target, strnlen(target, size));  // it is stored with the NUL at its end
}

// As ostree_repo_load_file(), which asserts that user.ostreemeta says it is a file or a symlink.
StoredFile ParseBareUser(LooseFile object, const std::string& checksum, int parts) {
  auto meta = ReadOstreeMeta(object.fd.get(), checksum);
  StoredFile file;
  guint32 uid = 0, gid = 0, mode = 0;
  Shared<GVariant> xattrs;
  g_variant_get(meta.get(), "(uuu@a(ayay))", &uid, &gid, &mode, static_cast<GVariant**>(Out(xattrs)));
  file.info = {GUINT32_FROM_BE(mode),
               GUINT32_FROM_BE(uid),
               GUINT32_FROM_BE(gid),
               static_cast<uint64_t>(object.stat.st_size),
               {}};
  try {
    Try(ostree_validate_structureof_file_mode, file.info.mode);
  } catch (const Failure& failure) {
    throw Corrupt(checksum, failure.message);
  }
  if (parts & kFileXattrs) file.xattrs = xattrs;
  if (file.info.is_symlink()) {
    file.info.target = ReadTarget(object.fd.get());
    file.info.size = file.info.target.size();
  } else if (parts & kFileStream) {
    file.stream = (parts & kFileData) == kFileData && file.info.size <= kSmallObject
                      ? StreamOf(ReadStart(object.fd.get(), file.info.size))
                      : StreamOf(std::move(object.fd));
  }
  return file;
}

// ostree_repo_load_file
StoredFile LoadByLibostree(OstreeRepo* repo, const std::string& checksum, int parts,
                           GCancellable* cancellable) {
  StoredFile file;
  Shared<GFileInfo> info;
  Try(ostree_repo_load_file, repo, checksum.c_str(),
      parts & kFileStream ? static_cast<GInputStream**>(Out(file.stream)) : nullptr, Out(info),
      parts & kFileXattrs ? static_cast<GVariant**>(Out(file.xattrs)) : nullptr, cancellable);
  file.info = ReadInfo(info.get());
  file.compressed = file.stream && !G_IS_UNIX_INPUT_STREAM(file.stream.get());
  return file;
}

// In the other modes the file of an object is the file itself, a symlink too.
std::optional<StoredFile> LoadBare(OstreeRepo* repo, const std::string& checksum, int parts,
                                   GCancellable* cancellable) {
  struct stat stat;
  auto path = LoosePath(ostree_repo_get_mode(repo), OSTREE_OBJECT_TYPE_FILE, checksum);
  if (fstatat(ostree_repo_get_dfd(repo), path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return std::nullopt;
    throw Failure::Errno("fstatat", path);
  }
  if (!S_ISREG(stat.st_mode) && !S_ISLNK(stat.st_mode))
    throw Corrupt(checksum, "neither a file nor a symlink");
  return LoadByLibostree(repo, checksum, parts, cancellable);
}

// From this one repository; nothing when it does not have the object.
std::optional<StoredFile> LoadLoose(OstreeRepo* repo, const std::string& checksum, int parts,
                                    GCancellable* cancellable) {
  auto mode = ostree_repo_get_mode(repo);
  if (mode != OSTREE_REPO_MODE_ARCHIVE && mode != OSTREE_REPO_MODE_BARE_USER)
    return LoadBare(repo, checksum, parts, cancellable);
  auto object = OpenLoose(repo, OSTREE_OBJECT_TYPE_FILE, checksum);
  if (!object) return std::nullopt;
  return mode == OSTREE_REPO_MODE_ARCHIVE ? ParseArchive(std::move(*object), checksum, parts, cancellable)
                                          : ParseBareUser(std::move(*object), checksum, parts);
}

StoredFile Load(OstreeRepo* repo, const std::string& checksum, int parts, GCancellable* cancellable) {
  // One repository after the other: libostree asserts when a parent is of another mode.
  for (auto* place = repo; place; place = ostree_repo_get_parent(place))
    if (auto file = LoadLoose(place, checksum, parts, cancellable)) return std::move(*file);
  // An object of the transaction that this handle has open, or none.
  return LoadByLibostree(repo, checksum, parts, cancellable);
}

}  // namespace

bool FileInfo::is_symlink() const { return S_ISLNK(mode); }

StoredFile LoadFile(OstreeRepo* repo, const std::string& checksum, int parts, GCancellable* cancellable) {
  CheckChecksum(checksum);
  try {
    auto file = Load(repo, checksum, parts, cancellable);
    auto target_size = file.info.target.size();
    if (file.info.is_symlink() && (target_size == 0 || target_size >= kMaxTarget - 1))
      throw Corrupt(checksum, "a symlink with an impossible target");
    return file;
  } catch (Failure& failure) {
    failure.checksum = checksum;
    throw;
  }
}

size_t ReadData(const StoredFile& file, const std::string& checksum, char* buffer, size_t size,
                GCancellable* cancellable) {
  try {
    // -1 is the failure; 0 is the end.
    return static_cast<size_t>(TryNull(g_input_stream_read, file.stream.get(), buffer, size, cancellable));
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED") || !file.compressed) throw;
    throw Corrupt(checksum, failure.message);
  }
}

Failure WrongSize(const StoredFile& file, const std::string& checksum) {
  return Corrupt(checksum,
                 "it does not have the " + std::to_string(file.info.size) + " bytes it says it has");
}

}  // namespace ostree
