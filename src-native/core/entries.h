// The names in a directory, without the stream that readdir() needs: a descriptor more, and five system
// calls.
#pragma once

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace ostree {

// Calls each(name, d_type) for everything in the directory but itself and its parent. False: errno tells why.
// The descriptor's position is used, so that only one thread may read from it.
template <class Each>
bool ReadEntries(int fd, const Each& each) {
  // As the kernel gives them, provided that files' numbers have 64 bits here.
  static_assert(sizeof(dirent::d_ino) == 8 && sizeof(dirent::d_off) == 8);
  alignas(dirent) char buffer[32768];
  if (lseek(fd, 0, SEEK_SET) < 0) return false;
  for (;;) {
    auto size = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (size < 0 && errno == ENOENT) return true;  // it was removed: nothing is in it
    if (size <= 0) return size == 0;
    for (long at = 0; at < size;) {
      auto* entry = reinterpret_cast<const dirent*>(buffer + at);
      at += entry->d_reclen;
      std::string_view name = entry->d_name;
      if (name != "." && name != "..") each(entry->d_name, entry->d_type);
    }
  }
}

}  // namespace ostree
