#include "engine/file_objects.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/entries.h"
#include "core/failure.h"

namespace ostree {
namespace {

// Fewer are asked for one by one.
constexpr size_t kFewest = 1024;
constexpr std::string_view kDigits = "0123456789abcdef";
// In a file's name: what is left of the checksum.
constexpr size_t kNameDigits = OSTREE_SHA256_STRING_LEN - 2;

unsigned Digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10) : 16;
}

std::optional<Checksum> SumOf(unsigned first, const char* digits) {
  std::array<unsigned char, Checksum::size()> bytes{static_cast<unsigned char>(first)};
  for (size_t i = 1; i < bytes.size(); i++, digits += 2) {
    auto high = Digit(digits[0]), low = Digit(digits[1]);
    if (high > 15 || low > 15) return {};
    bytes[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return Checksum::FromBytes(bytes.data(), bytes.size());
}

// How many entries of any kind were seen.
size_t ListDirectory(OstreeRepo* repo, unsigned first, std::string_view extension,
                     std::vector<Checksum>& sums) {
  std::string path = "objects/";
  path += {kDigits[first >> 4], kDigits[first & 15]};
  Fd fd(openat(ostree_repo_get_dfd(repo), path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return 0;
  size_t seen = 0;
  auto add = [&](std::string_view name, unsigned char) {
    seen++;
    if (name.size() != kNameDigits + extension.size() || !name.ends_with(extension)) return;
    if (auto sum = SumOf(first, name.data())) sums.push_back(*sum);
  };
  // What an error leaves out is asked for one by one.
  (void)ReadEntries(fd.get(), add);
  std::sort(sums.begin(), sums.end());
  return seen;
}

}  // namespace

void FileObjects::List(OstreeRepo* repo, size_t wanted, GCancellable* cancellable) {
  if (wanted < kFewest) return;
  auto* extension = ostree_repo_get_mode(repo) == OSTREE_REPO_MODE_ARCHIVE ? ".filez" : ".file";
  size_t seen = 0;
  for (unsigned first = 0; first < by_first_byte_.size(); first++) {
    ThrowIfCancelled(cancellable);
    seen += ListDirectory(repo, first, extension, by_first_byte_[first]);
    // Checksums are spread evenly, so that the first directories tell of the others.
    if (seen > kFewest + 2 * wanted * (first + 1) / by_first_byte_.size()) return;
  }
}

bool FileObjects::Has(const Checksum& sum) const {
  const auto& sums = by_first_byte_[*sum.data()];
  return std::binary_search(sums.begin(), sums.end(), sum);
}

}  // namespace ostree
