// Writes objects into the open transaction of a repository, hash first: what is
// there already is neither written nor compressed again. For many threads.
#pragma once

#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/ptr.h"
#include "engine/content.h"
#include "engine/tally.h"

namespace ostree {

// Where a thread reads files to; it grows to its greatest size at first use.
using ReadBuffer = std::vector<char>;

class ObjectWriter {
 public:
  ObjectWriter(OstreeRepo* repo, GCancellable* cancellable, Tally& tally);

  // A content object: `header` as ContentHeader() makes it, then the data.
  // Throws ContentChanged when the content did not keep still; then nothing was
  // written, and the caller may try again.
  Checksum WriteFile(const std::string& header, Content& content, ReadBuffer& buffer);
  // That of a symbolic link, which is a header only.
  Checksum WriteLink(const std::string& header);
  void WriteMetadata(OstreeObjectType type, const Checksum& checksum, GVariant* object);

 private:
  Checksum WriteSmall(const std::string& header, Content& content, ReadBuffer& buffer);
  Checksum HashLarge(const std::string& header, Content& content, ReadBuffer& buffer);
  bool Has(OstreeObjectType type, const std::string& checksum) const;
  void StoreBytes(const Checksum& checksum, const char* bytes, size_t size, uint64_t content_size);
  void Store(const Checksum& checksum, GInputStream* stream, uint64_t size, uint64_t content_size);

  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  Tally& tally_;
  // libostree's writer looks for an object in this repository only, while
  // ostree_repo_has_object() looks in its parent too.
  const bool has_parent_;
  std::mutex mutex_;
  std::unordered_set<Checksum> written_;  // so that two threads with one object count it once
};

}  // namespace ostree
