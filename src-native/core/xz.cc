#include "xz.h"

#include <dlfcn.h>

#include <cstdint>
#include <string>
#include <vector>

#include "failure.h"

namespace ostree {
namespace {

constexpr const char* kLibrary = "liblzma.so.5";

// As <lzma.h> declares it since 5.0; the addon is compiled without that header.
struct Stream {
  const uint8_t* next_in;
  size_t avail_in;
  uint64_t total_in;
  uint8_t* next_out;
  size_t avail_out;
  uint64_t total_out;
  const void* allocator;
  void* internal;
  void* reserved_pointers[4];
  uint64_t reserved_numbers[2];
  size_t reserved_sizes[2];
  int reserved_enums[2];
};

enum { kOk = 0, kStreamEnd = 1, kMemoryError = 5 };  // lzma_ret
enum { kFinish = 3 };                                // lzma_action

struct Library {
  int (*decoder)(Stream*, uint64_t memory_limit, uint32_t flags) = nullptr;
  int (*code)(Stream*, int action) = nullptr;
  void (*end)(Stream*) = nullptr;

  Library() {
    void* handle = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) return;
    decoder = reinterpret_cast<decltype(decoder)>(dlsym(handle, "lzma_stream_decoder"));
    code = reinterpret_cast<decltype(code)>(dlsym(handle, "lzma_code"));
    end = reinterpret_cast<decltype(end)>(dlsym(handle, "lzma_end"));
  }
};

const Library& Lzma() {
  static const Library library;
  if (!library.decoder || !library.code || !library.end)
    throw Failure("NOT_SUPPORTED", std::string("Compressed deltas need ") + kLibrary);
  return library;
}

class Decoder {
 public:
  Decoder(const void* data, size_t size) {
    stream_.next_in = static_cast<const uint8_t*>(data);
    stream_.avail_in = size;
    if (Lzma().decoder(&stream_, UINT64_MAX, 0) != kOk) throw Failure("FAILED", "lzma_stream_decoder failed");
  }
  ~Decoder() { Lzma().end(&stream_); }
  Decoder(const Decoder&) = delete;

  // Fills the buffer as far as there is data; true at the end of it all.
  bool Fill(uint8_t* buffer, size_t size, size_t& filled) {
    stream_.next_out = buffer;
    stream_.avail_out = size;
    int result = kOk;
    while (result == kOk && stream_.avail_out > 0) result = Lzma().code(&stream_, kFinish);
    filled = size - stream_.avail_out;
    if (result == kMemoryError) throw Failure("FAILED", "Not enough memory to decompress xz data");
    if (result != kOk && result != kStreamEnd) throw Failure("CORRUPT", "The xz data are damaged");
    return result == kStreamEnd;
  }

 private:
  Stream stream_ = {};
};

}  // namespace

Shared<GBytes> DecompressXz(const void* data, size_t size, size_t limit, GCancellable* cancellable) {
  constexpr size_t kStep = 4 << 20;
  Decoder decoder(data, size);
  std::vector<uint8_t> output;
  for (bool end = false; !end;) {
    ThrowIfCancelled(cancellable);
    size_t before = output.size(), filled = 0;
    output.resize(before + kStep);
    end = decoder.Fill(output.data() + before, kStep, filled);
    output.resize(before + filled);
    if (output.size() > limit)
      throw Failure("TOO_LARGE", "The xz data are larger than " + std::to_string(limit) + " bytes");
  }
  return Shared<GBytes>::Take(g_bytes_new(output.data(), output.size()));
}

}  // namespace ostree
