// Reading a tar archive: all of it, before anything is committed. What is in it
// goes by name into a list, and the data of its files one after the other into a
// file without a name, from where many threads can then read.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/archive.h"
#include "engine/content.h"
#include "engine/metadata.h"

namespace ostree {

// At most `size` bytes of the archive into the buffer, at least one; 0 at the end.
using TarInput = std::function<size_t(char* buffer, size_t size)>;

// Where the data of files is until they are committed.
class Spool {
 public:
  // In the temporary directory of the repository.
  explicit Spool(OstreeRepo* repo);

  // The end, where the next file goes.
  uint64_t size() const { return size_; }
  void Append(const char* data, size_t size);
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  uint64_t size_ = 0;
};

// One file of it.
class SpooledContent final : public Content {
 public:
  SpooledContent(std::shared_ptr<Spool> spool, uint64_t offset, uint64_t size)
      : spool_(std::move(spool)), offset_(offset), size_(size) {}

  uint64_t size() const override { return size_; }
  size_t Read(char* buffer, size_t size) override;
  void Rewind() override { position_ = 0; }

 private:
  const std::shared_ptr<Spool> spool_;
  const uint64_t offset_, size_;
  uint64_t position_ = 0;
};

struct TarEntry {
  std::vector<std::string> path;  // its steps; empty: the root
  Owner owner;
  Xattrs xattrs;
  std::string link;          // of a symbolic link
  bool is_hardlink = false;  // to `target`, which has the same path form
  std::vector<std::string> target;
  uint64_t offset = 0, size = 0;  // in the spool

  std::string Path() const;
};

// Refuses, by path: "..", what is no file, directory or link, names and targets that are not UTF-8.
std::vector<TarEntry> ReadTar(const TarInput& input, Spool& spool, GCancellable* cancellable);

}  // namespace ostree
