#include "summary_file.h"

#include <sys/stat.h>

#include "core/variant.h"

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

}  // namespace

Bytes ReadSummary(OstreeRepo* repo) {
  auto content = ReadFile(ostree_repo_get_dfd(repo), "summary");
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

// Replaced as a whole, as libostree does it; it has no function for signatures that were made elsewhere.
void WriteSummarySignatures(OstreeRepo* repo, GVariant* signatures, bool fsync) {
  // By the descriptor: it may be writable where the path is not.
  auto path = "/proc/self/fd/" + std::to_string(ostree_repo_get_dfd(repo)) + "/summary.sig";
  int flags = G_FILE_SET_CONTENTS_CONSISTENT | (fsync ? G_FILE_SET_CONTENTS_DURABLE : 0);
  Try(g_file_set_contents_full, path.c_str(), static_cast<const char*>(g_variant_get_data(signatures)),
      static_cast<gssize>(g_variant_get_size(signatures)), static_cast<GFileSetContentsFlags>(flags), 0644);
}

}  // namespace ostree
