// Files that exist only in memory, as they come from JavaScript: what they are,
// here; their content in a file without a name, so that it may be large.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "core/ptr.h"
#include "engine/content.h"
#include "engine/metadata.h"

namespace ostree {

struct SetEntry {
  std::string path;  // for the tree, in any form
  Owner owner;       // with the type: S_IFREG, S_IFLNK or S_IFDIR
  std::string target;
  Xattrs xattrs;
  uint64_t offset = 0, size = 0;  // of a regular file's content
};

// Filled by one thread at a time, then sealed, and then read by many.
class FileSet {
 public:
  explicit FileSet(Shared<OstreeRepo> repo) : repo_(std::move(repo)) {}

  // The content of the next regular file, or a part of it.
  void Append(const void* data, size_t size);
  // A regular file's content is what was appended since the last one.
  void Add(SetEntry entry);
  // From now on it cannot be changed.
  void Seal();

  const std::deque<SetEntry>& entries() const { return entries_; }
  // -1: there was no content yet.
  int fd() const { return fd_.get(); }

 private:
  void CheckOpen() const;

  const Shared<OstreeRepo> repo_;
  std::mutex mutex_;
  bool sealed_ = false;
  Fd fd_;
  uint64_t taken_ = 0, end_ = 0;
  std::deque<SetEntry> entries_;
};

class SetContent final : public Content {
 public:
  SetContent(const FileSet& set, const SetEntry& entry)
      : fd_(set.fd()), offset_(entry.offset), size_(entry.size) {}

  uint64_t size() const override { return size_; }
  size_t Read(char* buffer, size_t size) override;
  void Rewind() override { position_ = 0; }

 private:
  const int fd_;
  const uint64_t offset_, size_;
  uint64_t position_ = 0;
};

}  // namespace ostree
