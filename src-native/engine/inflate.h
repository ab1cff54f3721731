// Inflates raw deflate streams (RFC 1951), in which archive repositories keep
// content, about twice as fast as zlib. For checks: whatever it refuses is
// to be tried again by another.
#pragma once

#include <glib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>

#include "engine/huffman.h"

namespace ostree {

class Inflater {
 public:
  // At most `size` bytes; fewer only at the end.
  using ReadFunction = std::function<size_t(char* buffer, size_t size)>;
  using WriteFunction = std::function<void(const char* data, size_t size)>;

  Inflater();

  // Up to the end of the stream, and a bit beyond. False: it is damaged. Then some of it was written all the
  // same.
  bool Run(const ReadFunction& read, const WriteFunction& write);

 private:
  // The input, bit by bit. At least eight bytes can be read after `at`.
  struct BitReader {
    const uint8_t* at;     // what is not in `bits` yet
    const uint8_t* limit;  // beyond it, Fill() is due
    uint64_t bits;         // the first is the lowest
    unsigned count;        // so many of them are counted; those above are true, too, or zero

    bool IsLow() const { return at > limit; }
    // At least 56 afterwards.
    void Refill() {
      uint64_t word;
      std::memcpy(&word, at, sizeof word);
      bits |= GUINT64_FROM_LE(word) << count;
      at += (63 - count) >> 3;
      count |= 56;
    }
    void Drop(unsigned n) {
      bits >>= n;
      count -= n;
    }
    uint32_t Take(unsigned n) {
      auto taken = static_cast<uint32_t>(bits & ((uint64_t{1} << n) - 1));
      Drop(n);
      return taken;
    }
    // Whole bytes.
    void GiveBack() {
      at -= count >> 3;
      count &= 7;
      bits &= (uint64_t{1} << count) - 1;
    }
  };

  void Fill();
  bool Need();
  bool Overrun() const;
  void Flush();
  bool ReadBlocks();
  bool ReadStored();
  bool ReadCodes();
  bool ReadLengths(uint8_t* lengths, size_t count);
  bool ReadCompressed(const HuffmanTable& literals, const HuffmanTable& distances);
  bool Decode(const HuffmanTable& literals, const HuffmanTable& distances);
  bool DecodeAnywhere(const HuffmanTable& literals, const HuffmanTable& distances);
  bool DecodeBmi2(const HuffmanTable& literals, const HuffmanTable& distances);

  const std::unique_ptr<uint8_t[]> in_buffer_, out_buffer_;
  HuffmanTable fixed_literals_{9}, fixed_distances_{5};
  HuffmanTable lengths_{7}, literals_{11}, distances_{8};
  const ReadFunction* read_ = nullptr;
  const WriteFunction* write_ = nullptr;

  BitReader in_{};
  const uint8_t* in_end_ = nullptr;
  bool ended_ = false;  // nothing comes after in_end_ but zeros

  // Output: what was written before unwritten_ is what copies refer to.
  uint8_t* out_ = nullptr;
  uint8_t* unwritten_ = nullptr;
};

}  // namespace ostree
