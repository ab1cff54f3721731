#include "engine/huffman.h"

#include <algorithm>

namespace ostree {
namespace {

constexpr unsigned kMaxLength = 15;
constexpr size_t kMaxSymbols = 288;

constexpr HuffmanEntry Symbol(uint32_t value, uint32_t extra_bits = 0, HuffmanEntry flags = 0) {
  return value << 16 | flags | extra_bits;
}

constexpr auto MakeLiteralSymbols() {
  std::array<HuffmanEntry, 288> symbols{};
  for (uint32_t i = 0; i < 256; i++) symbols[i] = Symbol(i, 0, kLiteral);
  symbols[256] = Symbol(0, 0, kSpecial | kEndOfBlock);
  for (uint32_t i = 0, base = 3; i < 28; i++) {
    uint32_t extra = i < 8 ? 0 : i / 4 - 1;
    symbols[257 + i] = Symbol(base, extra);
    base += 1u << extra;
  }
  symbols[285] = Symbol(258);
  symbols[286] = symbols[287] = kSpecial;  // have codes, and no meaning
  return symbols;
}

constexpr auto MakeDistanceSymbols() {
  std::array<HuffmanEntry, 32> symbols{};
  for (uint32_t i = 0, base = 1; i < 30; i++) {
    uint32_t extra = i < 4 ? 0 : i / 2 - 1;
    symbols[i] = Symbol(base, extra);
    base += 1u << extra;
  }
  symbols[30] = symbols[31] = kSpecial;
  return symbols;
}

constexpr auto MakeLengthSymbols() {
  std::array<HuffmanEntry, 19> symbols{};
  for (uint32_t i = 0; i < symbols.size(); i++) symbols[i] = Symbol(i);
  return symbols;
}

// Deflate packs the first bit of a code last.
uint32_t Reverse(uint32_t bits, unsigned length) {
  uint32_t result = 0;
  for (; length > 0; length--, bits >>= 1) result = result << 1 | (bits & 1);
  return result;
}

HuffmanEntry Entry(HuffmanEntry symbol, unsigned length) { return symbol + length + (length << 8); }

}  // namespace

constexpr std::array<HuffmanEntry, 288> kLiteralSymbols = MakeLiteralSymbols();
constexpr std::array<HuffmanEntry, 32> kDistanceSymbols = MakeDistanceSymbols();
constexpr std::array<HuffmanEntry, 19> kLengthSymbols = MakeLengthSymbols();

bool HuffmanTable::Build(const HuffmanEntry* symbols, const uint8_t* lengths, size_t count) {
  std::array<unsigned, kMaxLength + 1> counts{};
  for (size_t i = 0; i < count; i++) counts[lengths[i]]++;
  counts[0] = 0;
  // No bits may be without a meaning; but a code of one bit alone may leave the other one unused.
  int left = 1;
  unsigned used = 0, longest = 0;
  std::array<unsigned, kMaxLength + 2> first{};  // code of each length, in order
  std::array<uint32_t, kMaxLength + 2> next{};   // its bits
  for (unsigned length = 1; length <= kMaxLength; length++) {
    left = 2 * left - static_cast<int>(counts[length]);
    if (left < 0) return false;
    if (counts[length]) longest = length;
    used += counts[length];
    first[length + 1] = used;
    next[length + 1] = (next[length] + counts[length]) << 1;
  }
  if (left > 0 && longest > 1) return false;

  std::array<Code, kMaxSymbols> codes;
  auto at = first;
  for (size_t i = 0; i < count; i++)
    if (unsigned length = lengths[i])
      codes[at[length]++] = {symbols[i], Reverse(next[length]++, length), length};

  bits_ = std::clamp(longest, 1u, max_bits_);
  mask_ = (uint64_t{1} << bits_) - 1;
  entries_[0] = kSpecial;
  const auto* code = codes.data();
  const auto* end = code + used;
  for (unsigned length = 1; length <= bits_; length++) {
    std::copy_n(entries_.begin(), size_t{1} << (length - 1), entries_.begin() + (size_t{1} << (length - 1)));
    for (; code != end && code->length == length; code++) entries_[code->bits] = Entry(code->symbol, length);
  }
  return AddSecondTables(code, end);
}

// For the codes that are longer than the first table is wide. Those with the same beginning follow one
// another.
bool HuffmanTable::AddSecondTables(const Code* code, const Code* end) {
  size_t place = size_t{1} << bits_;
  while (code != end) {
    auto beginning = code->bits & mask_;
    const auto* last = code;
    while (last + 1 != end && (last[1].bits & mask_) == beginning) last++;
    unsigned width = last->length - bits_;
    size_t size = size_t{1} << width;
    if (place + size > kSize) return false;
    entries_[beginning] = Symbol(static_cast<uint32_t>(place), width, kSpecial | kLink);
    std::fill_n(entries_.begin() + static_cast<ptrdiff_t>(place), size, kSpecial);
    for (; code <= last; code++)
      for (size_t i = code->bits >> bits_; i < size; i += size_t{1} << (code->length - bits_))
        entries_[place + i] = Entry(code->symbol, code->length - bits_);
    place += size;
  }
  return true;
}

}  // namespace ostree
