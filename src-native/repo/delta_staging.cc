#include "delta_staging.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <vector>

#include "core/entries.h"

namespace ostree {
namespace {

constexpr const char* kSuperblock = "superblock";

std::string RandomName() {
  Owned<char> uuid(g_uuid_string_random());
  return std::string("delta-") + uuid.get();
}

// renameat2() is not in every libc.
bool Exchange(int from, const std::string& name, int to, const std::string& path) {
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  return syscall(SYS_renameat2, from, name.c_str(), to, path.c_str(), kExchange) == 0;
}

std::vector<std::string> ListNames(int parent, const std::string& path) {
  std::vector<std::string> names;
  Fd fd(openat(parent, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw Failure::Errno("open", path);
  auto add = [&names](const char* name, unsigned char) { names.emplace_back(name); };
  if (!ReadEntries(fd.get(), add)) throw Failure::Errno("getdents64", path);
  return names;
}

void Rename(int from, const std::string& name, int to, const std::string& path) {
  if (renameat(from, name.c_str(), to, path.c_str()) < 0) throw Failure::Errno("rename", path);
}

void MakeDirectories(int root, const std::string& path) {
  for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
    auto part = path.substr(0, slash);
    if (mkdirat(root, part.c_str(), 0775) < 0 && errno != EEXIST) throw Failure::Errno("mkdir", part);
  }
}

void SyncDirectory(int root, const std::string& path) {
  Fd fd(openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) < 0) throw Failure::Errno("fsync", path);
}

// All directories on the way to `path`: some may be new.
void SyncDirectories(int root, const std::string& path) {
  for (auto slash = path.rfind('/'); slash != path.npos; slash = path.rfind('/', slash - 1))
    SyncDirectory(root, path.substr(0, slash));
  SyncDirectory(root, ".");
}

dev_t DeviceOf(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0) throw Failure::Errno("fstat", "directory");
  return st.st_dev;
}

}  // namespace

DeltaStaging::DeltaStaging(Fd parent) : parent_(std::move(parent)), name_(RandomName()) {
  if (mkdirat(parent_.get(), name_.c_str(), 0775) < 0) throw Failure::Errno("mkdir", name_);
  dir_ = Fd(openat(parent_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir_) throw Failure::Errno("open", name_);
}

DeltaStaging::~DeltaStaging() {
  try {
    Discard();
  } catch (const Failure&) {
    // It stays in tmp/, where libostree clears up after a day; there is nobody to tell.
  }
}

std::string DeltaStaging::PathOf(const std::string& name) const {
  return "/proc/self/fd/" + std::to_string(dir()) + "/" + name;
}

void DeltaStaging::Write(const std::string& name, const void* data, size_t size) const {
  Fd fd(openat(dir(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) throw Failure::Errno("open", name);
  auto* bytes = static_cast<const char*>(data);
  for (size_t at = 0; at < size;) {
    ssize_t count = write(fd.get(), bytes + at, size - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("write", name);
    at += static_cast<size_t>(count);
  }
}

void DeltaStaging::Sync() const {
  for (const auto& name : ListNames(dir(), ".")) {
    Fd fd(openat(dir(), name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) < 0) throw Failure::Errno("fsync", name);
  }
  if (fsync(dir()) < 0) throw Failure::Errno("fsync", name_);
}

// For file systems that cannot exchange two directories. If the second rename fails, the first is undone.
void DeltaStaging::Replace(int root, const std::string& path) {
  auto before = RandomName();
  Rename(root, path, parent_.get(), before);
  try {
    Rename(parent_.get(), name_, root, path);
  } catch (const Failure&) {
    Rename(parent_.get(), before, root, path);
    throw;
  }
  name_ = before;
}

void DeltaStaging::MoveTo(int root, const std::string& path, bool sync) {
  std::unique_lock lock(mutex_);
  MakeDirectories(root, path);
  if (!Exchange(parent_.get(), name_, root, path)) {
    if (errno == ENOENT) {
      Rename(parent_.get(), name_, root, path);
      name_.clear();
    } else {
      Replace(root, path);
    }
  }
  if (sync) SyncDirectories(root, path);
  lock.unlock();
  Discard();  // the one that was there before
}

void DeltaStaging::MoveFilesTo(int directory, const std::string& superblock, bool sync) {
  std::unique_lock lock(mutex_);
  for (const auto& name : ListNames(dir(), "."))
    if (name != kSuperblock) Rename(dir(), name, directory, name);
  if (sync) SyncDirectory(directory, ".");  // what the superblock names is there before it is
  Rename(dir(), kSuperblock, directory, superblock);
  if (sync) SyncDirectory(directory, ".");
  lock.unlock();
  Discard();
}

void DeltaStaging::Discard() {
  std::lock_guard lock(mutex_);
  dir_ = Fd();
  auto parent = std::exchange(parent_, Fd());
  if (name_.empty()) return;
  auto name = std::exchange(name_, {});
  RemoveDirectory(parent.get(), name);
}

Fd OpenTemporary(OstreeRepo* repo) {
  int root = ostree_repo_get_dfd(repo);
  Fd fd(openat(root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Failure::Errno("open", "tmp");
  return fd;
}

Fd OpenBesideDeltas(OstreeRepo* repo) {
  auto temporary = OpenTemporary(repo);
  Fd deltas(openat(ostree_repo_get_dfd(repo), "deltas", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return deltas && DeviceOf(deltas.get()) != DeviceOf(temporary.get()) ? std::move(deltas)
                                                                       : std::move(temporary);
}

void RemoveDirectory(int parent, const std::string& name) {
  struct stat st;
  if (fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return;
    throw Failure::Errno("stat", name);
  }
  if (S_ISDIR(st.st_mode))
    for (const auto& child : ListNames(parent, name)) RemoveDirectory(parent, name + "/" + child);
  if (unlinkat(parent, name.c_str(), S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
    throw Failure::Errno("unlink", name);
}

void RemoveDelta(OstreeRepo* repo, const DeltaName& name) {
  int root = ostree_repo_get_dfd(repo);
  auto beside = OpenBesideDeltas(repo);
  auto hidden = RandomName();
  Rename(root, DeltaPath(name), beside.get(), hidden);
  RemoveDirectory(beside.get(), hidden);
}

}  // namespace ostree
