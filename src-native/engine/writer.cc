#include "engine/writer.h"

#include <algorithm>

#include "core/failure.h"
#include "core/hash.h"
#include "core/input_stream.h"
#include "engine/loose.h"

namespace ostree {
namespace {

// Up to this size a file is read once, into memory; it is hashed there and,
// when it must be, written from there.
constexpr size_t kSmall = 1 << 20;
// Of larger ones this much is read at a time.
constexpr size_t kChunk = 256 << 10;

}  // namespace

ObjectWriter::ObjectWriter(OstreeRepo* repo, GCancellable* cancellable, Tally& tally)
    : repo_(repo),
      cancellable_(cancellable),
      tally_(tally),
      has_parent_(ostree_repo_get_parent(repo) != nullptr) {}

Checksum ObjectWriter::WriteFile(const std::string& header, Content& content, ReadBuffer& buffer) {
  if (content.size() <= kSmall) return WriteSmall(header, content, buffer);

  auto checksum = HashLarge(header, content, buffer);
  if (Has(OSTREE_OBJECT_TYPE_FILE, checksum.Hex())) return checksum;
  content.Rewind();
  VerifiedReader reader(header, content, checksum);
  InputStream stream([&reader](char* data, size_t size) { return reader.Read(data, size); });
  try {
    Store(checksum, stream.get(), header.size() + content.size(), content.size());
  } catch (const Failure&) {
    stream.CheckReads();
    throw;
  }
  return checksum;
}

Checksum ObjectWriter::WriteLink(const std::string& header) {
  Sha256 sha;
  sha.Update(header.data(), header.size());
  auto checksum = Checksum::FromHex(sha.Hex());
  StoreBytes(checksum, header.data(), header.size(), 0);
  return checksum;
}

Checksum ObjectWriter::WriteSmall(const std::string& header, Content& content, ReadBuffer& buffer) {
  size_t size = header.size() + content.size();
  if (buffer.size() < size) buffer.resize(std::max(size, kSmall + 4096));
  std::copy(header.begin(), header.end(), buffer.begin());
  content.ReadExactly(buffer.data() + header.size(), content.size());
  content.CheckUnchanged();
  Sha256 sha;
  sha.Update(buffer.data(), size);
  auto checksum = Checksum::FromHex(sha.Hex());
  tally_.ReadBytes(content.size());
  StoreBytes(checksum, buffer.data(), size, content.size());
  return checksum;
}

Checksum ObjectWriter::HashLarge(const std::string& header, Content& content, ReadBuffer& buffer) {
  if (buffer.size() < kChunk) buffer.resize(kChunk);
  Sha256 sha;
  sha.Update(header.data(), header.size());
  for (uint64_t left = content.size(); left > 0;) {
    ThrowIfCancelled(cancellable_);
    auto size = static_cast<size_t>(std::min<uint64_t>(left, kChunk));
    content.ReadExactly(buffer.data(), size);
    sha.Update(buffer.data(), size);
    tally_.ReadBytes(size);
    left -= size;
  }
  content.CheckUnchanged();
  return Checksum::FromHex(sha.Hex());
}

bool ObjectWriter::Has(OstreeObjectType type, const std::string& checksum) const {
  if (has_parent_) return false;
  // libostree looks into the transaction first, where what was there before is not.
  if (HasLoose(repo_, type, checksum)) return true;
  gboolean has = FALSE;
  Try(ostree_repo_has_object, repo_, type, checksum.c_str(), &has, cancellable_);
  return has;
}

void ObjectWriter::StoreBytes(const Checksum& checksum, const char* bytes, size_t size,
                              uint64_t content_size) {
  if (Has(OSTREE_OBJECT_TYPE_FILE, checksum.Hex())) return;
  auto stream = Shared<GInputStream>::Take(
      g_memory_input_stream_new_from_data(bytes, static_cast<gssize>(size), nullptr));
  Store(checksum, stream.get(), size, content_size);
}

// ostree_repo_write_content() with a checksum and without asking for one back
// does not hash.
void ObjectWriter::Store(const Checksum& checksum, GInputStream* stream, uint64_t size,
                         uint64_t content_size) {
  Try(ostree_repo_write_content, repo_, checksum.Hex().c_str(), stream, size, nullptr, cancellable_);
  std::lock_guard lock(mutex_);
  if (!written_.insert(checksum).second) return;
  tally_.content_written++;
  tally_.bytes_written += content_size;
}

void ObjectWriter::WriteMetadata(OstreeObjectType type, const Checksum& checksum, GVariant* object) {
  ThrowIfCancelled(cancellable_);
  auto hex = checksum.Hex();
  if (Has(type, hex)) return;
  Try(ostree_repo_write_metadata, repo_, type, hex.c_str(), object, nullptr, cancellable_);
  std::lock_guard lock(mutex_);
  if (written_.insert(checksum).second) tally_.metadata_written++;
}

}  // namespace ostree
