#include "open_file.h"

#include <gio/gunixinputstream.h>

#include "engine/load_metadata.h"

namespace ostree {
namespace {

// How much is inflated to get somewhere, in one job.
constexpr uint64_t kSkip = 8 << 20;

}  // namespace

OpenFile::OpenFile(std::string checksum, StoredFile file)
    : checksum_(std::move(checksum)),
      size_(file.info.size),
      compressed_(file.compressed),
      stream_(std::move(file.stream)) {}

std::unique_lock<std::mutex> OpenFile::Lock() {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) throw Failure("INVALID_ARGUMENT", "The file is being read already");
  if (!stream_) throw Failure("CLOSED", "The file is closed");
  return lock;
}

Failure OpenFile::Corrupt(const std::string& why) const {
  return CorruptObject(OSTREE_OBJECT_TYPE_FILE, checksum_, why);
}

size_t OpenFile::ReadPiece(void* data, size_t size, GCancellable* cancellable) {
  size = std::min<uint64_t>(size, size_ - position_);
  if (size == 0) return 0;
  gsize count = 0;
  try {
    ThrowIfCancelled(cancellable);
    Try(g_input_stream_read_all, stream_.get(), data, size, &count, cancellable);
  } catch (const Failure& failure) {
    // What the inflater says of damaged data.
    if (failure.Is("CANCELLED") || !compressed_) throw;
    throw Corrupt(failure.message);
  }
  position_ += count;
  if (count < size)
    throw Corrupt("it ends after " + std::to_string(position_) + " bytes of " + std::to_string(size_));
  return count;
}

void OpenFile::CheckEnd(GCancellable* cancellable) {
  char more = 0;
  gsize count = 0;
  if (!compressed_ || end_checked_) return;
  try {
    Try(g_input_stream_read_all, stream_.get(), &more, sizeof more, &count, cancellable);
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED")) throw;
    throw Corrupt(failure.message);
  }
  end_checked_ = true;
  if (count) throw Corrupt("it goes on after the " + std::to_string(size_) + " bytes that its header names");
}

uint64_t OpenFile::Seek(uint64_t position, GCancellable* cancellable) {
  auto lock = Lock();
  position = std::min(position, size_);
  if (position < position_) throw Failure("INVALID_ARGUMENT", "A file is read forwards only");
  if (G_IS_UNIX_INPUT_STREAM(stream_.get())) {
    // The stream reads from the descriptor as it stands, and has no buffer.
    int fd = g_unix_input_stream_get_fd(G_UNIX_INPUT_STREAM(stream_.get()));
    if (lseek(fd, static_cast<off_t>(position), SEEK_SET) < 0) throw Failure::Errno("lseek", checksum_);
    return position_ = position;
  }
  Bytes scratch(kPiece);
  uint64_t stop = std::min(position, position_ + kSkip);
  while (position_ < stop)
    ReadPiece(scratch.data(), std::min<uint64_t>(scratch.size(), stop - position_), cancellable);
  return position_;
}

void OpenFile::Close() {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  stream_.reset();
  piece_ = {};
}

}  // namespace ostree
