// A content object that is being read, piece by piece.
#pragma once

#include <algorithm>
#include <mutex>

#include "core/async.h"
#include "engine/load_file.h"

namespace ostree {

// Any thread, but one at a time: a second one fails.
class OpenFile {
 public:
  static constexpr napi_type_tag kTag = {0x7b91e4d3a2065cf8, 0x0c5fd8372ea941b6};
  static constexpr const char* kName = "file";
  static constexpr bool kDropOnJsThread = false;

  // `file` has a stream.
  OpenFile(std::string checksum, StoredFile file);

  uint64_t size() const { return size_; }
  // Up to `size` bytes from where it is; fewer only at the end of the file. Hands them to
  // `take(offset, data, size)` in small pieces. CORRUPT when the object ends elsewhere than it says.
  template <class Take>
  size_t Read(size_t size, GCancellable* cancellable, Take take) {
    auto lock = Lock();
    if (piece_.size() < kPiece) piece_.resize(std::min(size, kPiece));
    size_t done = 0;
    while (done < size) {
      auto count = ReadPiece(piece_.data(), std::min(piece_.size(), size - done), cancellable);
      if (count == 0) break;
      take(done, piece_.data(), count);
      done += count;
    }
    if (position_ == size_) CheckEnd(cancellable);
    return done;
  }
  // Moves on towards `position`, as far as can be done in a short time; where it is then.
  uint64_t Seek(uint64_t position, GCancellable* cancellable);
  // Gives up its descriptor now, not when it is collected. Nothing, while it is being read.
  void Close();

 private:
  static constexpr size_t kPiece = 256 << 10;

  std::unique_lock<std::mutex> Lock();
  size_t ReadPiece(void* data, size_t size, GCancellable* cancellable);
  void CheckEnd(GCancellable* cancellable);
  Failure Corrupt(const std::string& why) const;

  const std::string checksum_;
  const uint64_t size_;
  const bool compressed_;
  std::mutex mutex_;
  Shared<GInputStream> stream_;
  Bytes piece_;  // kept: fresh memory of this size costs as much as reading into it
  uint64_t position_ = 0;
  bool end_checked_ = false;
};

}  // namespace ostree
