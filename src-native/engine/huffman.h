// The Huffman codes of deflate as tables: the next bits of the input are the
// index of what they mean.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ostree {

// What a symbol means, and how many bits it takes.
//   bits 0-4    to drop: those of its code, and those that extend its value
//   bits 8-11   those of its code alone
//   bits 12-15  the flags below
//   bits 16-31  a literal, the base of a length or distance, the place of a second table
using HuffmanEntry = uint32_t;

constexpr HuffmanEntry kLiteral = 1u << 12;
// Not a literal, length or distance; without one of the next two: no code begins like this.
constexpr HuffmanEntry kSpecial = 1u << 13;
// The code is longer; as many more bits as bits 0-4 say are the index in a second table.
constexpr HuffmanEntry kLink = 1u << 14;
constexpr HuffmanEntry kEndOfBlock = 1u << 15;

inline uint32_t EntryValue(HuffmanEntry entry) { return entry >> 16; }
inline unsigned EntryBits(HuffmanEntry entry) { return entry & 31; }
inline unsigned EntryCodeBits(HuffmanEntry entry) { return entry >> 8 & 15; }

// The symbols of an alphabet, as entries of codes without bits.
extern const std::array<HuffmanEntry, 288> kLiteralSymbols;  // and lengths
extern const std::array<HuffmanEntry, 32> kDistanceSymbols;
extern const std::array<HuffmanEntry, 19> kLengthSymbols;  // of the lengths of the codes of the other two

class HuffmanTable {
 public:
  // The first table has at most 2^max_bits entries.
  explicit HuffmanTable(unsigned max_bits) : max_bits_(max_bits) {}

  // Of the first `count` symbols, each with the length of its code; 0: it has none. False: there is no such
  // code.
  bool Build(const HuffmanEntry* symbols, const uint8_t* lengths, size_t count);

  // To read it by.
  struct View {
    const HuffmanEntry* entries;
    uint64_t mask;
    unsigned bits;

    explicit View(const HuffmanTable& table)
        : entries(table.entries_.data()), mask(table.mask_), bits(table.bits_) {}
    HuffmanEntry Look(uint64_t next) const { return entries[next & mask]; }
    HuffmanEntry LookFurther(HuffmanEntry link, uint64_t next) const {
      return entries[EntryValue(link) + (next & ((1u << EntryBits(link)) - 1))];
    }
  };

 private:
  struct Code {
    HuffmanEntry symbol;
    uint32_t bits;
    unsigned length;
  };
  bool AddSecondTables(const Code* code, const Code* end);

  static constexpr size_t kSize = 4096;  // zlib's "enough" is 2342, for first tables of 11 bits

  const unsigned max_bits_;
  unsigned bits_ = 0;
  uint64_t mask_ = 0;
  std::array<HuffmanEntry, kSize> entries_;
};

}  // namespace ostree
