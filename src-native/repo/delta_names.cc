#include "delta_names.h"

#include <sys/stat.h>

#include <algorithm>
#include <functional>

#include "core/entries.h"
#include "core/validate.h"

namespace ostree {
namespace {

constexpr size_t kBase64 = 43;  // characters of a checksum
constexpr size_t kPrefix = 2;   // of which so many name the directory
constexpr std::string_view kIndexSuffix = ".index";

// ostree_checksum_b64_from_bytes
std::string ToBase64(const std::string& checksum) {
  Owned<guchar> bytes(ostree_checksum_to_bytes(checksum.c_str()));
  return Owned<char>(ostree_checksum_b64_from_bytes(bytes.get())).get();
}

// ostree_checksum_b64_to_bytes; nothing when it is not what libostree writes.
std::optional<std::string> FromBase64(const std::string& text) {
  auto is_digit = [](char c) { return g_ascii_isalnum(c) || c == '+' || c == '_'; };
  if (text.size() != kBase64 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  Owned<guchar> bytes(ostree_checksum_b64_to_bytes(text.c_str()));
  std::string checksum = Owned<char>(ostree_checksum_from_bytes(bytes.get())).get();
  if (ToBase64(checksum) != text) return std::nullopt;
  return checksum;
}

// "ab", "cdef…" or "ab", "cdef…-ghij…"
std::optional<DeltaName> FromPath(const std::string& parent, const std::string& child) {
  if (parent.size() != kPrefix) return std::nullopt;
  auto whole = parent + child;
  if (whole.size() == kBase64) {
    auto to = FromBase64(whole);
    if (!to) return std::nullopt;
    return MakeDeltaName({}, *to);
  }
  if (whole.size() != 2 * kBase64 + 1 || whole[kBase64] != '-') return std::nullopt;
  auto from = FromBase64(whole.substr(0, kBase64)), to = FromBase64(whole.substr(kBase64 + 1));
  if (!from || !to) return std::nullopt;
  return MakeDeltaName(*from, *to);
}

std::string Split(const std::string& directory, const std::string& name) {
  return directory + "/" + name.substr(0, kPrefix) + "/" + name.substr(kPrefix);
}

// Calls back with each entry; nothing when there is no such directory.
void ForEachIn(int parent, const char* path, const std::function<void(int, const std::string&)>& visit,
               GCancellable* cancellable) {
  Fd fd(openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return;
  if (!fd) throw Failure::Errno("open", path);
  auto each = [&](const char* name, unsigned char) {
    ThrowIfCancelled(cancellable);
    visit(fd.get(), name);
  };
  if (!ReadEntries(fd.get(), each)) throw Failure::Errno("getdents64", path);
}

// Every directory two levels down that has a superblock.
void ForEachDelta(OstreeRepo* repo,
                  const std::function<void(const std::string& parent, const std::string& child)>& visit,
                  GCancellable* cancellable) {
  ForEachIn(
      ostree_repo_get_dfd(repo), "deltas",
      [&](int top, const std::string& parent) {
        ForEachIn(
            top, parent.c_str(),
            [&](int middle, const std::string& child) {
              struct stat st;
              auto superblock = child + "/superblock";
              if (fstatat(middle, superblock.c_str(), &st, 0) == 0) visit(parent, child);
            },
            cancellable);
      },
      cancellable);
}

}  // namespace

DeltaName MakeDeltaName(const Nullable<std::string>& from, const std::string& to) {
  return {from ? *from + "-" + to : to, from, to};
}

DeltaName ParseDeltaName(const std::string& name) {
  auto dash = name.find('-');
  auto to = dash == name.npos ? name : name.substr(dash + 1);
  CheckChecksum(to, "the target in the name of a delta");
  if (dash == name.npos) return MakeDeltaName({}, to);
  auto from = name.substr(0, dash);
  CheckChecksum(from, "the source in the name of a delta");
  return MakeDeltaName(from, to);
}

std::string DeltaPath(const DeltaName& name) {
  auto to = ToBase64(name.to);
  return Split("deltas", name.from ? ToBase64(*name.from) + "-" + to : to);
}

std::string DeltaParent(const DeltaName& name) {
  auto path = DeltaPath(name);
  return path.substr(0, path.rfind('/'));
}

std::string DeltaIndexPath(const std::string& to) {
  return Split("delta-indexes", ToBase64(to)) + std::string(kIndexSuffix);
}

bool HasDelta(OstreeRepo* repo, const DeltaName& name) {
  auto path = DeltaPath(name) + "/superblock";
  struct stat st;
  if (fstatat(ostree_repo_get_dfd(repo), path.c_str(), &st, 0) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw Failure::Errno("stat", path);
}

std::vector<DeltaName> ListDeltas(OstreeRepo* repo, GCancellable* cancellable) {
  std::vector<DeltaName> names;
  auto add = [&](const std::string& parent, const std::string& child) {
    if (auto name = FromPath(parent, child)) names.push_back(*name);
  };
  ForEachDelta(repo, add, cancellable);
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return names;
}

std::vector<std::string> ListDeltaIndexes(OstreeRepo* repo, GCancellable* cancellable) {
  std::vector<std::string> commits;
  ForEachIn(
      ostree_repo_get_dfd(repo), "delta-indexes",
      [&](int top, const std::string& parent) {
        if (parent.size() != kPrefix) return;
        ForEachIn(
            top, parent.c_str(),
            [&](int, const std::string& name) {
              if (!name.ends_with(kIndexSuffix)) return;
              auto commit = FromBase64(parent + name.substr(0, name.size() - kIndexSuffix.size()));
              if (commit) commits.push_back(*commit);
            },
            cancellable);
      },
      cancellable);
  std::sort(commits.begin(), commits.end());
  return commits;
}

void CheckDeltaNames(OstreeRepo* repo, GCancellable* cancellable) {
  auto check = [](const std::string& parent, const std::string& child) {
    if (FromPath(parent, child)) return;
    auto path = "deltas/" + parent + "/" + child;
    Failure failure("CORRUPT", path + " is not the directory of a static delta; remove it");
    failure.path = ValidUtf8(path);
    throw failure;
  };
  ForEachDelta(repo, check, cancellable);
}

}  // namespace ostree
