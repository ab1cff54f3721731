#include "engine/loose.h"

#include <cerrno>
#include <new>

namespace ostree {

Failure CorruptObject(OstreeObjectType type, const std::string& checksum, const std::string& why) {
  const char* type_name = ostree_object_type_to_string(type);
  Failure failure("CORRUPT", "Corrupted object " + checksum + "." + type_name + ": " + why);
  failure.checksum = checksum;
  failure.details = Shared<GVariant>::Share(
      g_variant_new_parsed("{'objects': <[{'type': %s, 'checksum': %s}]>}", type_name, checksum.c_str()));
  return failure;
}

void CheckChecksum(const std::string& checksum) {
  bool valid = checksum.size() == OSTREE_SHA256_STRING_LEN &&
               checksum.find_first_not_of("0123456789abcdef") == checksum.npos;
  if (!valid) throw Failure("INVALID_ARGUMENT", "Not a checksum of 64 lower-case hex digits: " + checksum);
}

std::string LoosePath(OstreeRepoMode mode, OstreeObjectType type, const std::string& checksum) {
  auto path = "objects/" + checksum.substr(0, 2) + "/" + checksum.substr(2) + ".";
  path += ostree_object_type_to_string(type);
  // As libostree: whatever is not metadata is compressed there.
  if (mode == OSTREE_REPO_MODE_ARCHIVE && !OSTREE_OBJECT_TYPE_IS_META(type)) path += "z";
  return path;
}

bool HasLoose(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum) {
  auto path = LoosePath(ostree_repo_get_mode(repo), type, checksum);
  struct stat status;
  return fstatat(ostree_repo_get_dfd(repo), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

std::optional<LooseFile> OpenLoose(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum) {
  auto path = LoosePath(ostree_repo_get_mode(repo), type, checksum);
  LooseFile file;
  // NONBLOCK: something else than a regular file must not make us wait.
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  file.fd = Fd(openat(ostree_repo_get_dfd(repo), path.c_str(), flags));
  if (!file.fd && errno == ENOENT) return std::nullopt;
  if (!file.fd) throw Failure::Errno("openat", path);
  if (fstat(file.fd.get(), &file.stat) < 0) throw Failure::Errno("fstat", path);
  if (!S_ISREG(file.stat.st_mode)) throw CorruptObject(type, checksum, "not a regular file");
  return file;
}

Shared<GBytes> ReadStart(int fd, size_t size) {
  Owned<guchar> data(static_cast<guchar*>(g_try_malloc(size)));
  if (!data && size > 0) throw std::bad_alloc();
  size_t done = 0;
  while (done < size) {
    auto count = pread(fd, data.get() + done, size - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("pread", "object");
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return Shared<GBytes>::Take(g_bytes_new_take(data.release(), done));
}

}  // namespace ostree
