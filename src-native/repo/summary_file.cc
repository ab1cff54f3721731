#include "summary_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/variant.h"
#include "own_directory.h"

namespace ostree {
namespace {

std::optional<Bytes> ReadFile(int directory, const char* name) {
  Fd fd(openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  struct stat st;
  if (!fd || fstat(fd.get(), &st) < 0) throw Failure::Errno("open", name);
  if (static_cast<uint64_t>(st.st_size) > kMaxVariantBytes)
    throw Failure("TOO_LARGE", std::string(name) + " is larger than 128 MiB");
  Bytes content;
  uint8_t buffer[65536];
  ssize_t size;
  while ((size = read(fd.get(), buffer, sizeof buffer)) != 0) {
    if (size < 0 && errno != EINTR) throw Failure::Errno("read", name);
    if (size > 0) content.insert(content.end(), buffer, buffer + size);
  }
  return content;
}

// Written as a whole, and to the disk.
void WriteFile(int directory, const std::string& name, const void* data, gsize size, bool fsync) {
  // By the descriptor: it may be writable where the path is not.
  auto path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  int flags = G_FILE_SET_CONTENTS_CONSISTENT | (fsync ? G_FILE_SET_CONTENTS_DURABLE : 0);
  Try(g_file_set_contents_full, path.c_str(), static_cast<const char*>(data), static_cast<gssize>(size),
      static_cast<GFileSetContentsFlags>(flags), 0644);
  if (fchmodat(directory, name.c_str(), 0644, 0) < 0) throw Failure::Errno("fchmodat", name);
}

// Servers such as nginx tell versions of a file apart by its size and the second of its change.
void MakeNewer(int directory, const std::string& name, const char* than) {
  struct stat made, old;
  if (fstatat(directory, than, &old, 0) < 0 || fstatat(directory, name.c_str(), &made, 0) < 0) return;
  if (made.st_mtim.tv_sec > old.st_mtim.tv_sec) return;
  struct timespec times[] = {{0, UTIME_OMIT}, {old.st_mtim.tv_sec + 1, 0}};
  if (utimensat(directory, name.c_str(), times, 0) < 0) throw Failure::Errno("utimensat", name);
}

void Rename(int directory, const std::string& from, const char* to) {
  if (renameat(directory, from.c_str(), directory, to) < 0) throw Failure::Errno("renameat", to);
}

}  // namespace

std::optional<Bytes> FindSummary(OstreeRepo* repo) { return ReadFile(ostree_repo_get_dfd(repo), "summary"); }

Bytes ReadSummary(OstreeRepo* repo) {
  auto content = FindSummary(repo);
  if (!content) throw Failure("NOT_FOUND", "The repository has no summary; summary.regenerate() makes one");
  return *content;
}

Shared<GVariant> ReadSummarySignatures(OstreeRepo* repo) {
  auto content = ReadFile(ostree_repo_get_dfd(repo), "summary.sig");
  if (!content) return {};
  auto bytes = Shared<GBytes>::Take(g_bytes_new(content->data(), content->size()));
  auto signatures = Shared<GVariant>::Share(
      g_variant_new_from_bytes(OSTREE_SUMMARY_SIG_GVARIANT_FORMAT, bytes.get(), FALSE));
  if (!g_variant_is_normal_form(signatures.get())) throw Failure("CORRUPT", "summary.sig is damaged");
  return signatures;
}

// The summary first, as libostree does it: who has the old one in a cache goes on with it for as long as they
// meet its signatures. The other way round, who does not verify it may take the old one for that of the new
// signatures, and keep it for as long as they stay.
void ReplaceSummary(OstreeRepo* repo, const Bytes& summary, GVariant* signatures) {
  bool fsync = !ostree_repo_get_disable_fsync(repo);
  int dfd = ostree_repo_get_dfd(repo);
  OwnDirectory fresh(dfd, "tmp/summary-");
  auto fresh_summary = fresh.path() + "/summary", fresh_signatures = fresh.path() + "/summary.sig";
  WriteFile(dfd, fresh_summary, summary.data(), summary.size(), fsync);
  MakeNewer(dfd, fresh_summary, "summary");
  if (signatures) {
    WriteFile(dfd, fresh_signatures, g_variant_get_data(signatures), g_variant_get_size(signatures), fsync);
    MakeNewer(dfd, fresh_signatures, "summary.sig");
  } else if (unlinkat(dfd, "summary.sig", 0) < 0 && errno != ENOENT) {
    throw Failure::Errno("unlinkat", "summary.sig");
  }
  Rename(dfd, fresh_summary, "summary");
  if (signatures) Rename(dfd, fresh_signatures, "summary.sig");
  if (fsync && ::fsync(dfd) < 0) throw Failure::Errno("fsync", "summary");
}

std::string SummaryChecksum(const Bytes& summary) {
  Sha256 hash;
  hash.Update(summary.data(), summary.size());
  return hash.Hex();
}

}  // namespace ostree
