// A GInputStream whose reads are a function of ours.
#pragma once

#include <exception>
#include <functional>

#include "ptr.h"

namespace ostree {

class InputStream {
 public:
  // At most `size` bytes into the buffer; 0 at the end. May throw.
  using ReadFunction = std::function<size_t(char* buffer, size_t size)>;

  explicit InputStream(ReadFunction read);
  // libostree may keep a reference; it reads nothing any more.
  ~InputStream();
  InputStream(const InputStream&) = delete;

  GInputStream* get() const { return stream_.get(); }
  // Throws what a read has thrown. To its reader it was only some GError.
  void CheckReads() const;

  gssize Read(char* buffer, size_t size, GError** error);

 private:
  const ReadFunction read_;
  std::exception_ptr error_;
  Shared<GInputStream> stream_;
};

}  // namespace ostree
