#include "engine/stat_cache_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/failure.h"
#include "core/hash.h"

namespace ostree {
namespace {

// The last character is the version: of what follows, and of the rules by which a file becomes an object.
// Read with the other byte order it is another number.
constexpr uint64_t kMagic = 0x6f73747265655331;
constexpr size_t kMaxFile = 1 << 30;
constexpr size_t kMostFiles = 16;

Checksum DigestOf(const char* data, size_t size) {
  Sha256 sha;
  sha.Update(data, size);
  return Checksum::FromHex(sha.Hex());
}

class Writer {
 public:
  void Number(uint64_t value) { data_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void Sum(const Checksum& sum) { data_.append(reinterpret_cast<const char*>(sum.data()), Checksum::size()); }
  void Text(const std::string& text) {
    Number(text.size());
    data_ += text;
  }
  std::string& data() { return data_; }

 private:
  std::string data_;
};

// Whatever it is given, it reads nothing beyond the end.
class Reader {
 public:
  Reader(const char* data, size_t size) : at_(data), left_(size) {}

  uint64_t Number() {
    uint64_t value = 0;
    if (auto* from = Next(sizeof value)) std::memcpy(&value, from, sizeof value);
    return value;
  }
  Checksum Sum() {
    auto* from = Next(Checksum::size());
    return from ? Checksum::FromBytes(from, Checksum::size()) : Checksum();
  }
  std::string Text() {
    auto size = Number();
    auto* from = Next(size);
    return from ? std::string(from, size) : std::string();
  }
  bool is_good() const { return is_good_; }
  bool is_at_end() const { return left_ == 0; }

 private:
  const char* Next(uint64_t size) {
    if (size > left_) is_good_ = false;
    if (!is_good_) return nullptr;
    auto* from = at_;
    at_ += size;
    left_ -= size;
    return from;
  }

  const char* at_;
  size_t left_;
  bool is_good_ = true;
};

std::optional<std::string> ReadWhole(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!fd || fstat(fd.get(), &status) < 0 || !S_ISREG(status.st_mode)) return {};
  // What it says is believed.
  if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return {};
  auto size = static_cast<size_t>(status.st_size);
  if (size > kMaxFile) return {};
  std::string data(size, '\0');
  size_t done = 0;
  while (done < size) {
    ssize_t count = read(fd.get(), data.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return {};
    done += static_cast<size_t>(count);
  }
  return data;
}

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
  auto data = ReadWhole(path);
  if (!data || data->size() < Checksum::size()) return {};
  size_t size = data->size() - Checksum::size();
  if (DigestOf(data->data(), size) != Checksum::FromBytes(data->data() + size, Checksum::size())) return {};
  Reader reader(data->data(), size);
  if (reader.Number() != kMagic || reader.Sum() != key) return {};
  StatEntries entries;
  while (reader.is_good() && !reader.is_at_end()) {
    auto& files = entries[reader.Text()];
    for (auto count = reader.Number(); count > 0 && reader.is_good(); count--)
      files.push_back(ReadEntry(reader));
  }
  return reader.is_good() ? entries : StatEntries();
}

void WriteStatCache(const std::string& path, const Checksum& key, const StatEntries& entries) {
  Writer writer;
  writer.Number(kMagic);
  writer.Sum(key);
  for (const auto& [dir, files] : entries) {
    writer.Text(dir);
    writer.Number(files.size());
    for (const auto& entry : files) {
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
  }
  auto& data = writer.data();
  writer.Sum(DigestOf(data.data(), data.size()));
  // A temporary file beside it, and rename().
  Try(g_file_set_contents_full, path.c_str(), data.data(), static_cast<gssize>(data.size()),
      G_FILE_SET_CONTENTS_CONSISTENT, 0600);
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
