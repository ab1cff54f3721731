#include "remote_cookies.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "core/validate.h"
#include "remote_check.h"
#include "repo.h"

namespace ostree {
namespace {

struct Cookie {
  std::string domain, path, name, value;
  bool secure = false;
  double expires = 0;  // seconds since 1970

  void Fields(auto&& field) {
    field("domain", domain);
    field("path", path);
    field("name", name);
    field("value", value);
    field("secure", secure);
    field("expires", expires);
  }
};

std::string JarOf(const std::string& remote) { return remote + ".cookies.txt"; }

// Seven words a line: domain, whether for its subdomains too, path, secure, expiry, name, value.
std::optional<Cookie> ParseLine(const std::string& line) {
  if (line.starts_with('#') && !line.starts_with("#HttpOnly_")) return {};
  std::istringstream words(line);
  std::array<std::string, 7> word;
  for (auto& w : word)
    if (!(words >> w)) return {};
  return Cookie{word[0], word[2],           word[5],
                word[6], word[3] == "TRUE", g_ascii_strtod(word[4].c_str(), nullptr)};
}

std::string PrintLine(const Cookie& cookie) {
  std::ostringstream line;
  line << cookie.domain << '\t' << (cookie.domain.starts_with('.') ? "TRUE" : "FALSE") << '\t' << cookie.path
       << '\t' << (cookie.secure ? "TRUE" : "FALSE") << '\t' << static_cast<int64_t>(cookie.expires) << '\t'
       << cookie.name << '\t' << cookie.value << '\n';
  return line.str();
}

std::string ReadAll(int directory, const std::string& name) {
  Fd fd(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) return "";
  if (!fd) throw Failure::Errno("openat", name);
  std::string text;
  char buffer[8192];
  for (;;) {
    auto n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0) throw Failure::Errno("read", name);
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

void WriteAll(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    auto n = write(fd, text.data(), text.size());
    if (n < 0) throw Failure::Errno("write", name);
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A reader sees the old file or the new one. It keeps its mode, for cookies are secrets.
void Replace(int directory, const std::string& name, const std::string& text) {
  struct stat st;
  if (fstatat(directory, name.c_str(), &st, 0) < 0) throw Failure::Errno("fstatat", name);
  auto temporary = name + ".new";
  unlinkat(directory, temporary.c_str(), 0);
  Fd fd(openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777));
  if (!fd) throw Failure::Errno("openat", temporary);
  WriteAll(fd.get(), text, temporary);
  if (renameat(directory, temporary.c_str(), directory, name.c_str()) < 0)
    throw Failure::Errno("renameat", name);
}

}  // namespace

// REMOTE.cookies.txt
Napi::Value RemoteCookieList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto remote = args.Next<std::string>("remote");
  return Async(args, repo->UpdateWork(), [repo, remote](Job& job) {
    CheckRemoteName(remote, "remote");
    auto handle = repo->OpenWriter(job.cancellable());
    return WithRemote(remote, [&] {
      RemoteReader(handle.get(), remote).Text("url");  // NOT_FOUND when there is no such remote
      std::vector<Cookie> cookies;
      for (const auto& line : Lines(ReadAll(ostree_repo_get_dfd(handle.get()), JarOf(remote))))
        if (auto cookie = ParseLine(ValidUtf8(line))) cookies.push_back(*cookie);
      return cookies;
    });
  });
}

// REMOTE.cookies.txt
Napi::Value RemoteCookieAdd(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto remote = args.Next<std::string>("remote");
  auto cookie = args.Next<Cookie>("cookie");
  return Async(args, repo->UpdateWork(), [repo, remote, cookie](Job& job) {
    CheckRemoteName(remote, "remote");
    auto handle = repo->OpenWriter(job.cancellable());
    WithRemote(remote, [&] {
      RemoteReader(handle.get(), remote).Text("url");
      auto jar = JarOf(remote);
      Fd fd(openat(ostree_repo_get_dfd(handle.get()), jar.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                   0644));
      if (!fd) throw Failure::Errno("openat", jar);
      WriteAll(fd.get(), PrintLine(cookie), jar);
    });
  });
}

// REMOTE.cookies.txt
Napi::Value RemoteCookieRemove(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto remote = args.Next<std::string>("remote");
  auto gone = args.Next<Cookie>("cookie");
  return Async(args, repo->UpdateWork(), [repo, remote, gone](Job& job) {
    CheckRemoteName(remote, "remote");
    auto handle = repo->OpenWriter(job.cancellable());
    WithRemote(remote, [&] {
      RemoteReader(handle.get(), remote).Text("url");
      int directory = ostree_repo_get_dfd(handle.get());
      std::string kept;
      bool found = false;
      for (const auto& line : Lines(ReadAll(directory, JarOf(remote)))) {
        auto cookie = ParseLine(line);
        bool same =
            cookie && cookie->domain == gone.domain && cookie->path == gone.path && cookie->name == gone.name;
        if (same)
          found = true;
        else
          kept += line + "\n";
      }
      if (!found) throw Failure("NOT_FOUND", "Cookie not found in jar");  // libostree's own words
      Replace(directory, JarOf(remote), kept);
    });
  });
}

}  // namespace ostree
