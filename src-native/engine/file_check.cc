#include "engine/file_check.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "core/failure.h"
#include "engine/links.h"
#include "engine/loose.h"

namespace ostree {
namespace {

constexpr size_t kBuffer = 256 << 10;
// Of what stands before the content in an archive, and of the attribute in
// which bare-user keeps it.
constexpr size_t kMaxMeta = 64 << 10;
constexpr size_t kUsualMeta = 1 << 10;  // the kernel clears as much memory as it is offered
constexpr int kOpen = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

Shared<GVariant> ParseVariant(const char* type, const char* data, size_t size) {
  auto bytes = Shared<GBytes>::Take(g_bytes_new(data, size));
  return Shared<GVariant>::Share(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes.get(), FALSE));
}

uint32_t BigEndian(const char* data) {
  uint32_t value;
  std::memcpy(&value, data, sizeof value);
  return GUINT32_FROM_BE(value);
}

// More content than the limit.
struct Excess {};

std::string ObjectPath(const std::string& hex, OstreeRepoMode mode) {
  return hex.substr(0, 2) + "/" + hex.substr(2) + (mode == OSTREE_REPO_MODE_ARCHIVE ? ".filez" : ".file");
}

// libostree reads the header of such a file into memory as it comes, and does not see that the end of it was
// not read.
bool EndsInHeader(int fd) {
  char size[4];
  struct stat st;
  if (pread(fd, size, sizeof size, 0) < static_cast<ssize_t>(sizeof size)) return true;
  return fstat(fd, &st) == 0 && static_cast<uint64_t>(st.st_size) < uint64_t{8} + BigEndian(size);
}

// libostree asserts that what a bare repository has of its parent is bare, too.
Failure UnderBare(const Checksum& checksum) {
  return ObjectFailure("NOT_SUPPORTED", {OSTREE_OBJECT_TYPE_FILE, checksum},
                       "It is only in the archive that is a bare repository's parent, where libostree cannot "
                       "read it; pull the commit from there first");
}

// Where the metadata of a file is stored beside its content, and not that of the file itself.
bool KeepsMetadata(OstreeRepoMode mode) {
  return mode == OSTREE_REPO_MODE_ARCHIVE || mode == OSTREE_REPO_MODE_BARE_USER;
}

}  // namespace

std::vector<FileCheck::Store> FileCheck::Stores(OstreeRepo* repo) {
  std::vector<Store> stores;
  for (; repo; repo = ostree_repo_get_parent(repo)) {
    Fd objects(openat(ostree_repo_get_dfd(repo), "objects", O_PATH | O_DIRECTORY | O_CLOEXEC));
    stores.push_back({std::move(objects), ostree_repo_get_mode(repo)});
  }
  return stores;
}

FileCheck::FileCheck(OstreeRepo* repo, GCancellable* cancellable)
    : stores_(Stores(repo)),
      cancellable_(cancellable),
      in_(std::make_unique_for_overwrite<char[]>(kBuffer)),
      attribute_(std::make_unique_for_overwrite<char[]>(kMaxMeta)) {}

uint64_t FileCheck::TakeBytes() { return std::exchange(bytes_, 0); }

bool FileCheck::IsSound(const Checksum& checksum) {
  auto hex = checksum.Hex();
  for (const auto& store : stores_) {
    sha_.Reset();
    if (Hash(store, hex) && sha_.Hex() == hex) return true;
  }
  return false;
}

bool FileCheck::IsNeeded(OstreeRepo* repo) {
  for (; repo; repo = ostree_repo_get_parent(repo))
    if (KeepsMetadata(ostree_repo_get_mode(repo))) return true;
  return false;
}

bool FileCheck::IsSound(const Checksum& checksum, uint64_t size) {
  bytes_ = 0;
  limit_ = size;
  try {
    bool sound = IsSound(checksum) && bytes_ == size;
    limit_ = UINT64_MAX;
    return sound;
  } catch (const Excess&) {
    limit_ = UINT64_MAX;
    return false;
  }
}

void FileCheck::CheckLoadable(const Checksum& checksum) {
  auto hex = checksum.Hex();
  bool below_bare = false;
  for (const auto& store : stores_) {
    auto path = ObjectPath(hex, store.mode);
    bool archive = store.mode == OSTREE_REPO_MODE_ARCHIVE;
    struct stat st;
    if (fstatat(store.objects.get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
      if (archive && below_bare) throw UnderBare(checksum);
      if (KeepsMetadata(store.mode)) CheckMetadata(store, path, hex);
      return;
    }
    below_bare |= !archive;
  }
}

void FileCheck::CheckMetadata(const Store& store, const std::string& path, const std::string& hex) {
  Fd fd(openat(store.objects.get(), path.c_str(), kOpen));
  if (!fd) return;
  size_t have = 0;
  bool archive = store.mode == OSTREE_REPO_MODE_ARCHIVE;
  if (archive && EndsInHeader(fd.get()))
    throw CorruptObject(OSTREE_OBJECT_TYPE_FILE, hex, "it ends within its header");
  auto meta = archive ? ReadArchiveMeta(fd.get(), kUsualMeta, have) : ReadBareUserMeta(fd.get());
  bool is_file = !meta || S_ISREG(meta->owner.mode) || S_ISLNK(meta->owner.mode);
  if (is_file && (!meta || meta->normal)) return;
  throw CorruptObject(OSTREE_OBJECT_TYPE_FILE, hex,
                      is_file ? "its metadata is damaged" : "its metadata says that it is no file");
}

bool FileCheck::Hash(const Store& store, const std::string& hex) {
  auto path = ObjectPath(hex, store.mode);
  Fd fd(openat(store.objects.get(), path.c_str(), kOpen));
  if (!fd) return errno == ELOOP && HashLink(store, path);
  if (store.mode == OSTREE_REPO_MODE_ARCHIVE) return HashArchive(fd.get());
  if (store.mode == OSTREE_REPO_MODE_BARE_USER) return HashBareUser(fd.get());

  struct stat st;
  if (fstat(fd.get(), &st) < 0 || !S_ISREG(st.st_mode)) return false;
  if (store.mode == OSTREE_REPO_MODE_BARE_USER_ONLY) return HashFile(fd.get(), {{0, 0, st.st_mode}, "", {}});
  if (store.mode != OSTREE_REPO_MODE_BARE) return false;
  auto xattrs = ReadXattrs(fd.get(), [&path] { return path; });
  return HashFile(fd.get(), {{st.st_uid, st.st_gid, st.st_mode}, "", xattrs});
}

bool FileCheck::HashLink(const Store& store, const std::string& path) {
  Fd fd(openat(store.objects.get(), path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  char target[PATH_MAX];
  if (!fd || fstat(fd.get(), &st) < 0) return false;
  ssize_t size = readlinkat(fd.get(), "", target, sizeof target);
  if (size < 0) return false;
  std::string link(target, static_cast<size_t>(size));
  if (store.mode == OSTREE_REPO_MODE_BARE_USER_ONLY) return Begin({{0, 0, st.st_mode}, link, {}});
  if (store.mode != OSTREE_REPO_MODE_BARE) return false;
  auto xattrs = ReadLinkXattrs(fd.get(), [&path] { return path; });
  return Begin({{st.st_uid, st.st_gid, st.st_mode}, link, xattrs});
}

bool FileCheck::HashFile(int fd, const Meta& meta) {
  if (!Begin(meta)) return false;
  do {
    Data(in_.get(), Read(fd, in_.get(), kBuffer));
  } while (!at_end_);
  return true;
}

// Nothing: there is no such attribute.
std::optional<FileCheck::Meta> FileCheck::ReadBareUserMeta(int fd) {
  constexpr const char* kName = "user.ostreemeta";
  ssize_t size = fgetxattr(fd, kName, attribute_.get(), kUsualMeta);
  if (size < 0 && errno == ERANGE) size = fgetxattr(fd, kName, attribute_.get(), kMaxMeta);
  if (size < 0) return {};
  if (size < 12) return Meta{{}, "", {}, false};
  const char* data = attribute_.get();
  Meta meta{{BigEndian(data), BigEndian(data + 4), BigEndian(data + 8)}, "", {}};
  if (size > 12) meta.xattrs = ParseVariant("a(ayay)", data + 12, static_cast<size_t>(size) - 12);
  return meta;
}

// A link is a file with its target in it.
bool FileCheck::HashBareUser(int fd) {
  auto meta = ReadBareUserMeta(fd);
  if (!meta) return false;
  if (!S_ISLNK(meta->owner.mode)) return HashFile(fd, *meta);
  size_t length = Read(fd, in_.get(), kBuffer);
  if (length > PATH_MAX) return false;
  meta->target.assign(in_.get(), strnlen(in_.get(), length));  // it is stored with the NUL at its end
  return Begin(*meta);
}

// The metadata of nearly all files in an archive: no link, no attributes. Nothing: it is another.
std::optional<FileCheck::Meta> FileCheck::ReadPlainMeta(const char* data, size_t size) {
  // The size and four numbers; the empty target; where that ends.
  if (size != 26 || data[24] != 0 || data[25] != 25) return {};
  return Meta{{BigEndian(data + 8), BigEndian(data + 12), BigEndian(data + 16)}, "", {}};
}

void FileCheck::Skip(size_t size, size_t& have) {
  have -= size;
  std::memmove(in_.get(), in_.get() + size, have);
}

// The size of the metadata, four bytes of padding, the metadata, and then the content, deflated, of which
// `have` bytes are in the buffer already: `first` are read, and more only where the metadata is longer.
// Nothing: the file is too short.
std::optional<FileCheck::Meta> FileCheck::ReadArchiveMeta(int fd, size_t first, size_t& have) {
  constexpr size_t kPrefix = 8;
  have = Read(fd, in_.get(), first);
  if (have < kPrefix) return {};
  size_t size = BigEndian(in_.get());
  if (size <= kMaxMeta && have < kPrefix + size && !at_end_)
    have += Read(fd, in_.get() + have, kPrefix + size - have);
  if (size > kMaxMeta || have < kPrefix + size) return {};
  if (auto meta = ReadPlainMeta(in_.get() + kPrefix, size)) {
    Skip(kPrefix + size, have);
    return meta;
  }
  auto header = ParseVariant("(tuuuusa(ayay))", in_.get() + kPrefix, size);
  Skip(kPrefix + size, have);

  guint64 length;
  guint32 uid, gid, mode, rdev;
  const char* target;
  Meta meta;
  g_variant_get(header.get(), "(tuuuu&s@a(ayay))", &length, &uid, &gid, &mode, &rdev, &target,
                static_cast<GVariant**>(Out(meta.xattrs)));
  meta.owner = {GUINT32_FROM_BE(uid), GUINT32_FROM_BE(gid), GUINT32_FROM_BE(mode)};
  meta.target = target;
  meta.normal = g_variant_is_normal_form(header.get());
  return meta;
}

bool FileCheck::HashArchive(int fd) {
  size_t have = 0;
  auto meta = ReadArchiveMeta(fd, kBuffer, have);
  return meta && meta->normal && Begin(*meta) && (S_ISLNK(meta->owner.mode) || Inflate(fd, have));
}

bool FileCheck::Inflate(int fd, size_t have) {
  if (!inflater_) inflater_ = std::make_unique<Inflater>();
  auto read = [this, fd, have](char* buffer, size_t size) mutable {
    size_t count = std::exchange(have, 0);
    std::memcpy(buffer, in_.get(), count);
    return at_end_ ? count : count + Read(fd, buffer + count, size - count);
  };
  return inflater_->Run(read, [this](const char* data, size_t size) { Data(data, size); });
}

// The header that the checksum covers, where it can be made.
bool FileCheck::Begin(const Meta& meta) {
  if (!ostree_validate_structureof_file_mode(meta.owner.mode, nullptr)) return false;
  // What libostree makes of other targets cannot be made again.
  if (!g_utf8_validate_len(meta.target.data(), meta.target.size(), nullptr)) return false;
  auto header = ContentHeader(meta.owner, meta.target, meta.xattrs);
  sha_.Update(header.data(), header.size());
  return true;
}

void FileCheck::Data(const char* data, size_t size) {
  bytes_ += size;
  if (bytes_ > limit_) throw Excess();
  sha_.Update(data, size);
}

// Fewer bytes than asked for: that was the end. After an error the file is short, and so not sound.
size_t FileCheck::Read(int fd, char* buffer, size_t size) {
  size_t done = 0;
  for (at_end_ = false; done < size && !at_end_;) {
    ThrowIfCancelled(cancellable_);
    ssize_t count = read(fd, buffer + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    at_end_ = count < static_cast<ssize_t>(size - done);
    done += count > 0 ? static_cast<size_t>(count) : 0;
  }
  return done;
}

}  // namespace ostree
