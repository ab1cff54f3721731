#include "engine/names.h"

#include <unistd.h>

#include <climits>

namespace ostree {
namespace {

bool IsUtf8(const std::string& text) {
  return g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr);
}

}  // namespace

Failure PathFailure(const char* code, const std::string& message, const std::string& path) {
  auto escaped = ValidUtf8(path);
  Failure failure(code, message + ": " + escaped);
  failure.path = escaped;
  return failure;
}

void CheckName(const std::string& name, const PathName& path) {
  if (IsUtf8(name)) return;
  throw PathFailure("INVALID_ARGUMENT", "A file name that is not UTF-8, which OSTree cannot store; rename it",
                    path());
}

void CheckTarget(const std::string& target, const PathName& path) {
  if (IsUtf8(target)) return;
  // libostree would give two such links one checksum, and its fsck sees nothing wrong.
  throw PathFailure("INVALID_ARGUMENT",
                    "A symbolic link to " + ValidUtf8(target) +
                        ", which is not UTF-8 and which OSTree cannot store; change it",
                    path());
}

std::string ReadLink(int fd, const char* name, const PathName& path) {
  char target[PATH_MAX];
  ssize_t size = readlinkat(fd, name, target, sizeof target);
  if (size < 0) throw Failure::Errno("readlinkat", path());
  std::string result(target, static_cast<size_t>(size));
  CheckTarget(result, path);
  return result;
}

}  // namespace ostree
