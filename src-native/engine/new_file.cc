#include "engine/new_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "core/failure.h"

namespace ostree {
namespace {

// Calls make(name) with other names until one is free.
template <class Make>
int WithTemporaryName(std::string& name, const Make& make) {
  constexpr int kAttempts = 128;
  int result = -1;
  for (int i = 0; i < kAttempts; i++) {
    char text[32];
    g_snprintf(text, sizeof text, ".ostree-%08x%08x", g_random_int(), g_random_int());
    name = text;
    result = make(text);
    if (result >= 0 || errno != EEXIST) return result;
  }
  return result;
}

}  // namespace

NewFile::NewFile(int dir, PathName path) : dir_(dir), path_(std::move(path)) {
  fd_ = Fd(openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (fd_) return;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOSYS) throw Failure::Errno("openat", path_());
  fd_ = Fd(WithTemporaryName(temporary_, [dir](const char* name) {
    return openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
  }));
  if (fd_) return;
  temporary_.clear();
  throw Failure::Errno("openat", path_());
}

NewFile::~NewFile() {
  if (!temporary_.empty()) unlinkat(dir_, temporary_.c_str(), 0);
}

int NewFile::LinkAs(const char* name) const {
  if (!temporary_.empty()) return linkat(dir_, temporary_.c_str(), dir_, name, 0);
  auto self = "/proc/self/fd/" + std::to_string(fd_.get());
  return linkat(AT_FDCWD, self.c_str(), dir_, name, AT_SYMLINK_FOLLOW);
}

bool NewFile::Link(const std::string& name, IfTaken if_taken) {
  if (LinkAs(name.c_str()) == 0) return true;
  if (errno != EEXIST || if_taken == IfTaken::kFail) throw Failure::Errno("linkat", path_());
  if (if_taken == IfTaken::kKeep) return false;
  auto link = [this](const char* temporary) { return LinkAs(temporary); };
  if (!ReplaceName(dir_, name, link, path_)) throw Failure::Errno("linkat", path_());
  return true;
}

bool ReplaceName(int dir, const std::string& name, const std::function<int(const char*)>& make,
                 const PathName& path) {
  std::string temporary;
  if (WithTemporaryName(temporary, make) < 0) return false;
  if (renameat(dir, temporary.c_str(), dir, name.c_str()) == 0) return true;
  auto failure = Failure::Errno("renameat", path());
  unlinkat(dir, temporary.c_str(), 0);
  throw failure;
}

}  // namespace ostree
