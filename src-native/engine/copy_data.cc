#include "engine/copy_data.h"

#include <gio/gfiledescriptorbased.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

namespace ostree {
namespace {

constexpr size_t kBuffer = 256 << 10;
// Of a copy within the kernel, between two looks at the cancellable.
constexpr size_t kKernelChunk = 16 << 20;

void WriteAll(int fd, const char* data, size_t size, const PathName& path) {
  while (size > 0) {
    ssize_t count = write(fd, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("write", path());
    data += count;
    size -= static_cast<size_t>(count);
  }
}

// Whether the kernel can at all copy between these two; then as much as there is.
bool CopyInKernel(int from, int to, uint64_t size, const std::function<void(uint64_t)>& on_bytes,
                  GCancellable* cancellable) {
  if (ioctl(to, FICLONE, from) == 0) {
    on_bytes(size);
    return true;
  }
  for (uint64_t done = 0; done < size;) {
    ThrowIfCancelled(cancellable);
    auto chunk = static_cast<size_t>(std::min<uint64_t>(size - done, kKernelChunk));
    ssize_t count = copy_file_range(from, nullptr, to, nullptr, chunk, 0);
    if (count < 0 && errno == EINTR) continue;
    // Not between these file systems, or not on them: by hand then, which also tells what is really wrong.
    if (count <= 0) return false;
    done += static_cast<uint64_t>(count);
    on_bytes(static_cast<uint64_t>(count));
  }
  return true;
}

}  // namespace

void CopyData(const StoredFile& file, const std::string& checksum, int to, std::vector<char>& buffer,
              const std::function<void(uint64_t)>& on_bytes, const PathName& path,
              GCancellable* cancellable) {
  uint64_t size = file.info.size;
  if (!file.compressed && G_IS_FILE_DESCRIPTOR_BASED(file.stream.get())) {
    int from = g_file_descriptor_based_get_fd(G_FILE_DESCRIPTOR_BASED(file.stream.get()));
    if (CopyInKernel(from, to, size, on_bytes, cancellable)) return;
  }
  if (buffer.size() < kBuffer) buffer.resize(kBuffer);
  // What the kernel has copied already, both descriptors have behind them.
  auto written = static_cast<uint64_t>(std::max<off_t>(lseek(to, 0, SEEK_CUR), 0));
  while (size_t count = ReadData(file, checksum, buffer.data(), buffer.size(), cancellable)) {
    ThrowIfCancelled(cancellable);
    if (count > size - written) throw WrongSize(file, checksum);
    WriteAll(to, buffer.data(), count, path);
    written += count;
    on_bytes(count);
  }
  if (written != size) throw WrongSize(file, checksum);
}

}  // namespace ostree
