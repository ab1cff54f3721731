// What of an SELinux policy libostree takes on trust: see CheckPolicy() in sepolicy.h.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>

#include "core/failure.h"
#include "engine/disk.h"
#include "engine/names.h"
#include "engine/sepolicy.h"

namespace ostree {
namespace {

constexpr size_t kMostConfig = 1 << 20;
constexpr std::string_view kPolicyPrefix = "policy.";

struct Config {
  bool is_on = false;
  std::optional<std::string> type;
};

Failure Bad(const std::string& message, const std::string& path) {
  return PathFailure("INVALID_ARGUMENT", message, path);
}

// Not what blocks: a pipe, say.
void CheckRegular(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) < 0) throw Failure::Errno("fstat", path);
  if (!S_ISREG(status.st_mode)) throw Bad("A file of an SELinux policy is no regular file", path);
}

std::string ReadAll(int fd, const std::string& path) {
  std::string text;
  char buffer[4096];
  for (;;) {
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("read", path);
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > kMostConfig) throw Bad("The configuration of SELinux is too large", path);
  }
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && g_ascii_isspace(text.front())) text.remove_prefix(1);
  while (!text.empty() && g_ascii_isspace(text.back())) text.remove_suffix(1);
  return text;
}

// Line by line as libostree: the last type counts, and any line may switch it on.
Config Parse(std::string_view text) {
  Config config;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    line = line.substr(0, line.find('\0'));
    constexpr std::string_view type = "SELINUXTYPE=", mode = "SELINUX=";
    if (line.starts_with(type)) {
      config.type = std::string(Trimmed(line.substr(type.size())));
    } else if (line.starts_with(mode)) {
      std::string value(line.substr(mode.size()));
      for (const char* on : {"enforcing", "permissive"})
        if (g_ascii_strncasecmp(value.c_str(), on, strlen(on)) == 0) config.is_on = true;
    }
  }
  return config;
}

Fd OpenDir(int parent, const std::string& name) {
  return Fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
}

// libostree aborts over a version that is not positive.
void CheckVersions(int dir, const std::string& path) {
  DiskDir place{.parent = nullptr, .name = path, .depth = 0, .root = {}};
  for (const auto& entry : ListDirectory(dir, place)) {
    if (!S_ISREG(entry.type) || !entry.name.starts_with(kPolicyPrefix)) continue;
    auto digits = std::string_view(entry.name).substr(kPolicyPrefix.size());
    if (digits.ends_with('\n')) digits.remove_suffix(1);  // as the `$` of libostree's expression
    bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
    if (!is_number) continue;
    errno = 0;
    auto version = g_ascii_strtoull(digits.data(), nullptr, 10);
    if (errno != 0 || version < 1 || version > INT_MAX)
      throw Bad("A binary SELinux policy must have a version from 1 on", place.Path(entry.name));
  }
}

void CheckContexts(int dir, const std::string& path) {
  for (const char* name :
       {"file_contexts", "file_contexts.bin", "file_contexts.homedirs", "file_contexts.homedirs.bin",
        "file_contexts.local", "file_contexts.local.bin", "file_contexts.subs", "file_contexts.subs_dist"}) {
    struct stat status;
    if (fstatat(dir, name, &status, 0) == 0 && !S_ISREG(status.st_mode))
      throw Bad("A file of an SELinux policy is no regular file", path + "/" + name);
  }
}

}  // namespace

void CheckPolicy(int root, const std::string& name) {
  std::string at = "etc/selinux";
  struct stat status;
  if (fstatat(root, at.c_str(), &status, 0) < 0) at = "usr/etc/selinux";
  auto path = name + (name.ends_with('/') ? "" : "/") + at;
  auto selinux = OpenDir(root, at);
  if (!selinux) return;
  Fd file(openat(selinux.get(), "config", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file && errno == ENOENT) return;
  if (!file) throw Failure::Errno("openat", path + "/config");
  CheckRegular(file.get(), path + "/config");
  auto config = Parse(ReadAll(file.get(), path + "/config"));
  if (!config.is_on) return;
  if (!config.type) throw Bad("SELinux is on, but no SELINUXTYPE names the policy", path + "/config");
  const auto& type = *config.type;
  if (type.empty() || type == "." || type == ".." || type.find('/') != type.npos)
    throw Bad("SELINUXTYPE must be the name of a directory beside it", path + "/config");
  if (auto dir = OpenDir(selinux.get(), type + "/policy"))
    CheckVersions(dir.get(), path + "/" + type + "/policy");
  if (auto dir = OpenDir(selinux.get(), type + "/contexts/files"))
    CheckContexts(dir.get(), path + "/" + type + "/contexts/files");
}

}  // namespace ostree
