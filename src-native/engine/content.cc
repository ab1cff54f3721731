#include "engine/content.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ostree {
namespace {

bool SameTime(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

void Content::ReadExactly(char* buffer, size_t size) {
  while (size > 0) {
    size_t count = Read(buffer, size);
    if (count == 0) throw ContentChanged();
    buffer += count;
    size -= count;
  }
}

FdContent::FdContent(int fd, const struct stat& status, PathName path)
    : fd_(fd), status_(status), path_(std::move(path)) {}

uint64_t FdContent::size() const { return static_cast<uint64_t>(status_.st_size); }

size_t FdContent::Read(char* buffer, size_t size) {
  for (;;) {
    ssize_t count = read(fd_, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) throw Failure::Errno("read", path_());
  }
}

void FdContent::Rewind() {
  if (lseek(fd_, 0, SEEK_SET) < 0) throw Failure::Errno("lseek", path_());
}

// An early answer, and no proof: a write through a mapping shows up late.
void FdContent::CheckUnchanged() {
  struct stat now;
  if (fstat(fd_, &now) < 0) throw Failure::Errno("fstat", path_());
  if (now.st_size != status_.st_size || !SameTime(now.st_mtim, status_.st_mtim) ||
      !SameTime(now.st_ctim, status_.st_ctim))
    throw ContentChanged();
}

ObjectContent::ObjectContent(OstreeRepo* repo, const Checksum& checksum, GCancellable* cancellable)
    : repo_(repo), checksum_(checksum.Hex()), cancellable_(cancellable) {
  Rewind();
}

uint64_t ObjectContent::size() const { return file_.info.size; }

size_t ObjectContent::Read(char* buffer, size_t size) {
  size_t count = ReadData(file_, checksum_, buffer, size, cancellable_);
  if (count == 0) throw WrongSize(file_, checksum_);
  return count;
}

void ObjectContent::Rewind() { file_ = LoadFile(repo_, checksum_, kFileStream, cancellable_); }

// It has no more than it says, either.
void ObjectContent::CheckUnchanged() {
  char more = 0;
  if (file_.compressed && ReadData(file_, checksum_, &more, sizeof more, cancellable_) > 0)
    throw WrongSize(file_, checksum_);
}

VerifiedReader::VerifiedReader(const std::string& header, Content& content, const Checksum& expected)
    : header_(header), content_(content), expected_(expected), remaining_(content.size()) {
  sha_.Update(header.data(), header.size());
}

size_t VerifiedReader::Read(char* buffer, size_t size) {
  if (header_read_ < header_.size()) {
    size = std::min(size, header_.size() - header_read_);
    std::memcpy(buffer, header_.data() + header_read_, size);
    header_read_ += size;
    return size;
  }
  size = static_cast<size_t>(std::min<uint64_t>(size, remaining_));
  if (size == 0) return 0;
  size_t count = content_.Read(buffer, size);
  if (count == 0) throw ContentChanged();
  sha_.Update(buffer, count);
  remaining_ -= count;
  if (remaining_ == 0 && Checksum::FromHex(sha_.Hex()) != expected_) throw ContentChanged();
  return count;
}

}  // namespace ostree
