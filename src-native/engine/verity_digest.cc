#include "engine/verity_digest.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "core/hash.h"
#include "engine/checksum.h"

namespace ostree {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kHash = Checksum::size();

// The next level of the tree: the hash of every block, the last one filled up with zeros.
std::string HashBlocks(std::string_view data) {
  std::string hashes, block;
  Sha256 sha;
  for (; !data.empty(); data.remove_prefix(std::min(kBlock, data.size()))) {
    block.assign(data.substr(0, kBlock));
    block.resize(kBlock);
    sha.Reset();
    sha.Update(block.data(), block.size());
    auto hash = Checksum::FromHex(sha.Hex());
    hashes.append(reinterpret_cast<const char*>(hash.data()), kHash);
  }
  return hashes;
}

// Less than the size of the buffer only at the end.
size_t Fill(int fd, std::string& buffer, const std::string& path) {
  size_t done = 0;
  while (done < buffer.size()) {
    ssize_t count = read(fd, buffer.data() + done, buffer.size() - done);
    if (count == 0) break;
    if (count > 0)
      done += static_cast<size_t>(count);
    else if (errno != EINTR)
      throw Failure::Errno("read", path);
  }
  return done;
}

// struct fsverity_descriptor: version, algorithm, the logarithm of the block size; the size; the root hash.
std::string Descriptor(uint64_t size, const std::string& root) {
  std::string descriptor(256, '\0');
  descriptor[0] = 1;
  descriptor[1] = 1;
  descriptor[2] = 12;
  for (size_t i = 0; i < sizeof size; i++) descriptor[8 + i] = static_cast<char>(size >> (8 * i) & 0xff);
  descriptor.replace(16, root.size(), root);
  return descriptor;
}

}  // namespace

VerityDigest VerityDigestOf(int fd, const std::string& path, GCancellable* cancellable) {
  VerityDigest digest;
  std::string hashes, buffer(64 * kBlock, '\0');
  size_t count;
  do {
    ThrowIfCancelled(cancellable);
    count = Fill(fd, buffer, path);
    hashes += HashBlocks(std::string_view(buffer).substr(0, count));
    digest.size += count;
  } while (count == buffer.size());
  while (hashes.size() > kHash) hashes = HashBlocks(hashes);
  auto descriptor = Descriptor(digest.size, hashes);
  Sha256 sha;
  sha.Update(descriptor.data(), descriptor.size());
  digest.hex = sha.Hex();
  return digest;
}

}  // namespace ostree
