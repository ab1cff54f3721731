// Where the data of a file comes from. Another source (a tar, say) is another
// Content.
#pragma once

#include <sys/stat.h>

#include <string>

#include "core/failure.h"
#include "core/hash.h"
#include "engine/checksum.h"
#include "engine/load_file.h"
#include "engine/metadata.h"

namespace ostree {

// The file is no longer what it was when it was opened or hashed.
struct ContentChanged : Failure {
  ContentChanged() : Failure("FAILED", "The file changed while it was being read") {}
};

class Content {
 public:
  virtual ~Content() = default;
  // How much there is; more is never read.
  virtual uint64_t size() const = 0;
  // At most `size` bytes, at least one; 0 only at the end.
  virtual size_t Read(char* buffer, size_t size) = 0;
  // For the second reading.
  virtual void Rewind() = 0;
  // Throws ContentChanged when it is plain that what was read is a mixture.
  virtual void CheckUnchanged() {}

  // Exactly `size` bytes, or ContentChanged.
  void ReadExactly(char* buffer, size_t size);
};

// A regular file that was opened for this.
class FdContent final : public Content {
 public:
  // Takes no ownership; `path` is for errors.
  FdContent(int fd, const struct stat& status, PathName path);

  uint64_t size() const override;
  size_t Read(char* buffer, size_t size) override;
  void Rewind() override;
  void CheckUnchanged() override;

 private:
  const int fd_;
  const struct stat status_;
  const PathName path_;
};

// The data of a content object of the repository, a regular file.
class ObjectContent final : public Content {
 public:
  ObjectContent(OstreeRepo* repo, const Checksum& checksum, GCancellable* cancellable);

  uint64_t size() const override;
  size_t Read(char* buffer, size_t size) override;
  void Rewind() override;
  void CheckUnchanged() override;

 private:
  OstreeRepo* const repo_;
  const std::string checksum_;
  GCancellable* const cancellable_;
  StoredFile file_;
};

// Reads a content object whose checksum is known already, header first, for
// libostree to store. It stores whatever it reads under that name; so this ends
// where the hashed data ended, hashes again what it hands out, and fails its
// last read when that is not the same.
class VerifiedReader {
 public:
  VerifiedReader(const std::string& header, Content& content, const Checksum& expected);

  size_t Read(char* buffer, size_t size);

 private:
  const std::string& header_;
  Content& content_;
  const Checksum expected_;
  size_t header_read_ = 0;
  uint64_t remaining_;
  Sha256 sha_;
};

}  // namespace ostree
