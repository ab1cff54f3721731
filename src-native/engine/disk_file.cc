#include "engine/disk_file.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include "core/hash.h"
#include "engine/content.h"
#include "engine/names.h"
#include "engine/objects.h"

namespace ostree {
namespace {

constexpr size_t kChunk = 256 << 10;
// How often a file is read that does not keep still.
constexpr int kAttempts = 4;

std::string TargetOf(const DiskPlace& place) {
  char target[PATH_MAX];
  auto size = readlinkat(place.dir, place.name, target, sizeof target);
  if (size < 0) throw Failure::Errno("readlinkat", place.path());
  return std::string(target, static_cast<size_t>(size));
}

DiskFile FileOf(const struct stat& status, const DiskPlace& place, const OwnerOverride& owner) {
  DiskFile file;
  file.owner = {status.st_uid, status.st_gid, status.st_mode};
  owner.Apply(file.owner);
  if (S_ISLNK(status.st_mode)) file.target = TargetOf(place);
  if (S_ISREG(status.st_mode)) file.size = static_cast<uint64_t>(status.st_size);
  if (S_ISLNK(status.st_mode)) file.size = file.target.size();
  return file;
}

struct stat StatusOf(const DiskPlace& place) {
  struct stat status;
  if (fstatat(place.dir, place.name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fstatat", place.path());
  return status;
}

Checksum HashBytes(const std::string& bytes) {
  Sha256 sha;
  sha.Update(bytes.data(), bytes.size());
  return Checksum::FromHex(sha.Hex());
}

// Of what has no content: a link, a device, a pipe.
Checksum HashHeader(const DiskFile& file) {
  if (g_utf8_validate_len(file.target.data(), file.target.size(), nullptr))
    return HashBytes(ContentHeader(file.owner, file.target, file.xattrs));
  // No object can have such a target. The same link has the same checksum all the same.
  return HashBytes(ContentHeader(file.owner, "", file.xattrs) + file.target);
}

}  // namespace

DiskFile LookAtFile(const DiskPlace& place, const OwnerOverride& owner) {
  return FileOf(StatusOf(place), place, owner);
}

HashedFile DiskHasher::Hash(const DiskPlace& place) {
  ThrowIfCancelled(cancellable_);
  auto status = StatusOf(place);
  HashedFile result;
  if (S_ISREG(status.st_mode)) {
    result.checksum = HashRegular(place, [&](int fd, const struct stat& now) {
      result.file = FileOf(now, place, owner_);
      if (with_xattrs_) result.file.xattrs = ReadXattrs(fd, place.path, OstreeMeta::kKeep);
      return ContentHeader(result.file.owner, "", result.file.xattrs);
    });
    return result;
  }
  result.file = FileOf(status, place, owner_);
  auto& file = result.file;
  if (with_xattrs_) {
    Fd fd(openat(place.dir, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) throw Failure::Errno("openat", place.path());
    file.xattrs = ReadLinkXattrs(fd.get(), place.path, OstreeMeta::kKeep);
  }
  result.checksum =
      S_ISDIR(status.st_mode) ? ChecksumOf(DirMeta(file.owner, file.xattrs).get()) : HashHeader(file);
  return result;
}

Checksum DiskHasher::HashContent(const DiskPlace& place, const std::string& header) {
  return HashRegular(place, [&header](int, const struct stat&) { return header; });
}

template <class HeaderOf>
Checksum DiskHasher::HashRegular(const DiskPlace& place, const HeaderOf& header_of) {
  buffer_.resize(kChunk);
  for (int attempt = 1;; attempt++) {
    try {
      Fd fd(openat(place.dir, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
      if (!fd) throw Failure::Errno("openat", place.path());
      struct stat status;
      if (fstat(fd.get(), &status) < 0) throw Failure::Errno("fstat", place.path());
      if (!S_ISREG(status.st_mode)) throw ContentChanged();

      auto header = header_of(fd.get(), status);
      Sha256 sha;
      sha.Update(header.data(), header.size());
      FdContent content(fd.get(), status, place.path);
      for (uint64_t left = content.size(); left > 0;) {
        ThrowIfCancelled(cancellable_);
        auto size = static_cast<size_t>(std::min<uint64_t>(left, kChunk));
        content.ReadExactly(buffer_.data(), size);
        sha.Update(buffer_.data(), size);
        left -= size;
      }
      content.CheckUnchanged();
      return Checksum::FromHex(sha.Hex());
    } catch (const ContentChanged&) {
      if (attempt == kAttempts)
        throw PathFailure("FAILED", "A file kept changing while it was being read", place.path());
    }
  }
}

}  // namespace ostree
