// The content of an object into a file: cloned where the file system can, else copied by the kernel, inflated
// where it is compressed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/load_file.h"
#include "engine/metadata.h"

namespace ostree {

// `buffer` is of any size and kept by the caller for the next file; `on_bytes` is told what has been written.
// Fails with CORRUPT when there is more or less in it than its header says, with CANCELLED, and with what
// writing fails with, naming `path`.
void CopyData(const StoredFile& file, const std::string& checksum, int to, std::vector<char>& buffer,
              const std::function<void(uint64_t)>& on_bytes, const PathName& path, GCancellable* cancellable);

}  // namespace ostree
