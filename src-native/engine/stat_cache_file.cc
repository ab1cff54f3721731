#include "engine/stat_cache_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/failure.h"
#include "core/hash.h"
#include "engine/new_file.h"

namespace ostree {
namespace {

// The last character is the version: of what follows, and of the rules by which a file becomes an object.
// Read with the other byte order it is another number.
constexpr uint64_t kMagic = 0x6f73747265655331;
constexpr size_t kMaxFile = 1 << 30;
constexpr size_t kMostFiles = 16;

constexpr size_t kBuffer = 1 << 16;
constexpr size_t kLeastEntry = 9 * sizeof(uint64_t) + Checksum::size();

// Writes to a file, and what all of it comes to at its end.
class Writer {
 public:
  Writer(int fd, const std::string& path) : fd_(fd), path_(path) {}

  void Number(uint64_t value) { Append(&value, sizeof value); }
  void Sum(const Checksum& sum) { Append(sum.data(), Checksum::size()); }
  void Text(const std::string& text) {
    Number(text.size());
    Append(text.data(), text.size());
  }
  void Finish() {
    sha_.Update(buffer_.data(), buffer_.size());
    Sum(Checksum::FromHex(sha_.Hex()));
    Write();
    if (fsync(fd_) < 0) throw Failure::Errno("fsync", path_);
  }

 private:
  void Append(const void* from, size_t size) {
    buffer_.append(static_cast<const char*>(from), size);
    if (buffer_.size() < kBuffer) return;
    sha_.Update(buffer_.data(), buffer_.size());
    Write();
  }
  void Write() {
    for (size_t done = 0; done < buffer_.size();) {
      ssize_t count = write(fd_, buffer_.data() + done, buffer_.size() - done);
      if (count < 0 && errno != EINTR) throw Failure::Errno("write", path_);
      if (count > 0) done += static_cast<size_t>(count);
    }
    buffer_.clear();
  }

  const int fd_;
  const std::string& path_;
  Sha256 sha_;
  std::string buffer_;
};

// Reads such a file from front to back. Whatever it is given, it reads nothing beyond the end.
class Reader {
 public:
  Reader(int fd, uint64_t size) : fd_(fd), left_(size), unread_(size) {}

  uint64_t Number() {
    uint64_t value = 0;
    Take(&value, sizeof value);
    return value;
  }
  Checksum Sum() {
    std::array<unsigned char, Checksum::size()> bytes{};
    Take(bytes.data(), bytes.size());
    return Checksum::FromBytes(bytes.data(), bytes.size());
  }
  std::string Text() {
    auto size = Number();
    if (size > left_) is_good_ = false;
    std::string text(is_good_ ? size : 0, '\0');
    Take(text.data(), text.size());
    return text;
  }
  uint64_t left() const { return left_; }
  bool is_good() const { return is_good_; }
  // At the end: what is left is the checksum of all that was read.
  bool EndsWithItsSum() {
    auto sum = Checksum::FromHex(sha_.Hex());
    std::array<unsigned char, Checksum::size()> bytes{};
    return is_good_ && left_ == 0 && read(fd_, bytes.data(), bytes.size()) == ssize_t{bytes.size()} &&
           Checksum::FromBytes(bytes.data(), bytes.size()) == sum;
  }

 private:
  void Take(void* to, size_t size) {
    if (size > left_) is_good_ = false;
    auto* at = static_cast<char*>(to);
    while (size > 0 && is_good_) {
      if (at_ == buffer_.size() && !Fill()) return;
      auto count = std::min(size, buffer_.size() - at_);
      std::memcpy(at, buffer_.data() + at_, count);
      at += count;
      at_ += count;
      size -= count;
      left_ -= count;
    }
  }
  bool Fill() {
    buffer_.resize(std::min<uint64_t>(kBuffer, unread_));
    ssize_t count;
    do count = read(fd_, buffer_.data(), buffer_.size());
    while (count < 0 && errno == EINTR);
    is_good_ = count > 0;
    if (!is_good_) return false;
    buffer_.resize(static_cast<size_t>(count));
    unread_ -= buffer_.size();
    at_ = 0;
    sha_.Update(buffer_.data(), buffer_.size());
    return true;
  }

  const int fd_;
  uint64_t left_, unread_;  // not taken yet; not read into the buffer yet
  Sha256 sha_;
  std::string buffer_;
  size_t at_ = 0;
  bool is_good_ = true;
};

StatEntry ReadEntry(Reader& reader) {
  StatEntry entry;
  entry.name = reader.Text();
  entry.device = reader.Number();
  entry.inode = reader.Number();
  entry.size = reader.Number();
  entry.mode = reader.Number();
  entry.uid = reader.Number();
  entry.gid = reader.Number();
  entry.mtime = static_cast<int64_t>(reader.Number());
  entry.ctime = static_cast<int64_t>(reader.Number());
  entry.checksum = reader.Sum();
  return entry;
}

void WriteEntry(Writer& writer, const StatEntry& entry) {
  writer.Text(entry.name);
  writer.Number(entry.device);
  writer.Number(entry.inode);
  writer.Number(entry.size);
  writer.Number(entry.mode);
  writer.Number(entry.uid);
  writer.Number(entry.gid);
  writer.Number(static_cast<uint64_t>(entry.mtime));
  writer.Number(static_cast<uint64_t>(entry.ctime));
  writer.Sum(entry.checksum);
}

}  // namespace

StatEntry StatEntry::Of(const std::string& name, const struct stat& status, const Checksum& checksum) {
  auto nanoseconds = [](const timespec& time) { return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec; };
  return {name,
          status.st_dev,
          status.st_ino,
          static_cast<uint64_t>(status.st_size),
          status.st_mode,
          status.st_uid,
          status.st_gid,
          nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim),
          checksum};
}

bool StatEntry::IsSameFile(const StatEntry& other) const {
  return device == other.device && inode == other.inode && size == other.size && mode == other.mode &&
         uid == other.uid && gid == other.gid && mtime == other.mtime && ctime == other.ctime;
}

StatEntries ReadStatCache(const std::string& path, const Checksum& key) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!fd || fstat(fd.get(), &status) < 0 || !S_ISREG(status.st_mode)) return {};
  // What it says is believed.
  if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return {};
  auto size = static_cast<size_t>(status.st_size);
  if (size < Checksum::size() || size > kMaxFile) return {};
  Reader reader(fd.get(), size - Checksum::size());
  if (reader.Number() != kMagic || reader.Sum() != key) return {};
  StatEntries entries;
  while (reader.is_good() && reader.left() > 0) {
    auto& files = entries[reader.Text()];
    auto count = reader.Number();
    files.reserve(std::min(count, reader.left() / kLeastEntry));
    for (; count > 0 && reader.is_good(); count--) files.push_back(ReadEntry(reader));
  }
  if (!reader.EndsWithItsSum()) entries.clear();
  return entries;
}

void WriteStatCache(const std::string& path, const Checksum& key, const StatEntryPointers& entries) {
  auto slash = path.rfind('/');
  auto dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Fd parent(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) throw Failure::Errno("open", dir);
  NewFile file(parent.get(), [&path] { return path; });
  Writer writer(file.fd(), path);
  writer.Number(kMagic);
  writer.Sum(key);
  for (const auto& [name, files] : entries) {
    writer.Text(name);
    writer.Number(files.size());
    for (auto* entry : files) WriteEntry(writer, *entry);
  }
  writer.Finish();
  file.Link(slash == std::string::npos ? path : path.substr(slash + 1), IfTaken::kReplace);
}

void RemoveOldStatCaches(const std::string& dir) {
  std::vector<std::filesystem::directory_entry> files;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator(dir, error); !error && at != std::filesystem::end(at);
       at.increment(error))
    files.push_back(*at);
  if (files.size() <= kMostFiles) return;
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> by_time;
  for (const auto& file : files) by_time.emplace_back(file.last_write_time(error), file.path());
  std::sort(by_time.begin(), by_time.end());
  for (size_t i = 0; i + kMostFiles < by_time.size(); i++) std::filesystem::remove(by_time[i].second, error);
}

}  // namespace ostree
