#include "engine/file_set.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "core/failure.h"

namespace ostree {
namespace {

// On the disk of the repository, which has room for the content anyway.
Fd OpenUnnamed(int repo_dir) {
  Fd fd(openat(repo_dir, "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  if (errno != EOPNOTSUPP && errno != EISDIR) throw Failure::Errno("openat", "tmp");
  // A file system that knows no files without a name.
  Owned<char> name(g_strdup_printf("tmp/files-%08x%08x", g_random_int(), g_random_int()));
  fd = Fd(openat(repo_dir, name.get(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) throw Failure::Errno("openat", name.get());
  unlinkat(repo_dir, name.get(), 0);
  return fd;
}

}  // namespace

void FileSet::Append(const void* data, size_t size) {
  std::lock_guard lock(mutex_);
  CheckOpen();
  if (size == 0) return;
  if (!fd_) fd_ = OpenUnnamed(ostree_repo_get_dfd(repo_.get()));
  auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    auto count = pwrite(fd_.get(), bytes, size, static_cast<off_t>(end_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("pwrite", "tmp");
    bytes += count;
    size -= static_cast<size_t>(count);
    end_ += static_cast<uint64_t>(count);
  }
}

void FileSet::Add(SetEntry entry) {
  std::lock_guard lock(mutex_);
  CheckOpen();
  if (S_ISREG(entry.owner.mode)) {
    entry.offset = taken_;
    entry.size = end_ - taken_;
    taken_ = end_;
  }
  entries_.push_back(std::move(entry));
}

void FileSet::Seal() {
  std::lock_guard lock(mutex_);
  sealed_ = true;
}

void FileSet::CheckOpen() const {
  if (sealed_) throw Failure("INVALID_ARGUMENT", "The set of files is in use already");
}

size_t SetContent::Read(char* buffer, size_t size) {
  size = std::min<uint64_t>(size, size_ - position_);
  if (size == 0) return 0;
  for (;;) {
    auto count = pread(fd_, buffer, size, static_cast<off_t>(offset_ + position_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("pread", "tmp");
    position_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }
}

}  // namespace ostree
