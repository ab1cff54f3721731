#include "keyring.h"

#include <sys/stat.h>

#include <cerrno>
#include <sstream>

#include "openpgp.h"
#include "remote_check.h"
#include "repo.h"

namespace ostree {
namespace {

constexpr size_t kMaxKeyring = 128 << 20;
constexpr const char* kGlobalKeyrings = "/usr/share/ostree/trusted.gpg.d";

bool CheckFile(const std::string& path, int directory = AT_FDCWD) {
  auto keyring = ReadKeyring(directory, path);
  if (keyring) CheckKeyring(*keyring, path);
  return keyring.has_value();
}

// The regular files in a directory, but not below it; none where it is no directory.
std::vector<std::string> FilesIn(const std::string& path) {
  std::vector<std::string> names;
  Owned<DIR> directory(opendir(path.c_str()));
  while (auto* entry = directory ? readdir(directory.get()) : nullptr) {
    struct stat st;
    if (fstatat(dirfd(directory.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
      names.push_back(entry->d_name);
  }
  return names;
}

// Where a repository looks for the keyrings of remotes beside its own directory.
std::optional<std::string> RemotesDirectory(const Repo& repo, OstreeRepo* handle) {
  if (repo.spec().remotesConfigDir) return repo.spec().remotesConfigDir;
  if (ostree_repo_is_system(handle)) return "/etc/ostree/remotes.d";
  return {};
}

// As libostree finds it: the repository's own, then that of the directory for remotes, then the parent's.
bool CheckOwnKeyring(const Repo& repo, OstreeRepo* handle, const std::string& remote) {
  auto name = KeyringName(remote);
  for (auto* place = handle; place; place = ostree_repo_get_parent(place)) {
    if (CheckFile(name, ostree_repo_get_dfd(place))) return true;
    auto directory = RemotesDirectory(repo, place);
    if (directory && CheckFile(*directory + "/" + name)) return true;
  }
  return false;
}

void CheckGlobalKeyrings() {
  const char* home = g_getenv("OSTREE_GPG_HOME");
  std::string directory = home ? home : kGlobalKeyrings;
  for (const auto& name : FilesIn(directory))
    if (name.ends_with(".gpg")) CheckFile(directory + "/" + name);
}

}  // namespace

std::optional<Bytes> ReadKeyring(int directory, const std::string& name) {
  Fd fd(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return {};
  Bytes content;
  uint8_t buffer[65536];
  while (content.size() < kMaxKeyring) {
    ssize_t size = read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    // Of a directory, libostree looks at the files.
    if (size < 0 && errno != EISDIR) throw Failure::Errno("read", name);
    if (size <= 0) break;
    content.insert(content.end(), buffer, buffer + size);
  }
  return content;
}

std::string KeyringName(const std::string& remote) { return remote + ".trustedkeys.gpg"; }

void CheckKeyring(const Bytes& keyring, const std::string& path) {
  auto owner = OwnerNotUtf8(keyring);
  if (!owner) return;
  Failure failure("NOT_SUPPORTED",
                  "A GPG key has the user ID '" + owner->id +
                      "', which is not UTF-8, and libostree crashes on it: " + owner->fingerprint + " in " +
                      path + ". Delete that user ID (gpg --edit-key, deluid) or leave the key out");
  failure.path = path;
  throw failure;
}

bool CheckRemoteKeyrings(const Repo& repo, OstreeRepo* handle, const std::string& remote) {
  std::istringstream paths(RemoteReader(handle, remote).Text("gpgkeypath").value_or(""));
  for (std::string some, path; std::getline(paths, some, ';');)
    for (std::istringstream list(some); std::getline(list, path, ',');) {
      CheckFile(path);
      for (const auto& name : FilesIn(path)) CheckFile(path + "/" + name);
    }
  return CheckOwnKeyring(repo, handle, remote);
}

void CheckKeyrings(const Repo& repo, OstreeRepo* handle, const std::string& remote) {
  if (!CheckRemoteKeyrings(repo, handle, remote)) CheckGlobalKeyrings();
}

}  // namespace ostree
