#include "engine/inflate.h"

#include <algorithm>
#include <cstring>

namespace ostree {
namespace {

constexpr size_t kInput = 256 << 10;
// One step in the loop below reads less; and so many zeros follow the end of the input.
constexpr size_t kInputMargin = 64;
constexpr size_t kWindow = 32 << 10;
constexpr size_t kOutput = kWindow + (256 << 10);
// One step writes less: three literals, and a copy of 258 bytes, in words.
constexpr size_t kOutputMargin = 320;

uint64_t LowBits(uint64_t bits, unsigned count) { return bits & ((uint64_t{1} << count) - 1); }

// Copies from `distance` bytes before; writes up to 15 bytes too many.
void CopyBack(uint8_t* out, size_t distance, size_t length) {
  const uint8_t* from = out - distance;
  uint8_t* end = out + length;
  if (distance >= 16) {
    for (; out < end; out += 16, from += 16) std::memcpy(out, from, 16);
  } else if (distance >= 8) {
    for (; out < end; out += 8, from += 8) std::memcpy(out, from, 8);
  } else if (distance == 1) {
    std::memset(out, *from, length);
  } else {
    while (out < end) *out++ = *from++;
  }
}

}  // namespace

Inflater::Inflater()
    : in_buffer_(std::make_unique_for_overwrite<uint8_t[]>(kInput + kInputMargin)),
      out_buffer_(std::make_unique_for_overwrite<uint8_t[]>(kOutput + kOutputMargin)) {
  uint8_t lengths[288];
  for (size_t i = 0; i < sizeof lengths; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  fixed_literals_.Build(kLiteralSymbols.data(), lengths, sizeof lengths);
  std::fill_n(lengths, 32, 5);
  fixed_distances_.Build(kDistanceSymbols.data(), lengths, 32);
}

bool Inflater::Run(const ReadFunction& read, const WriteFunction& write) {
  read_ = &read;
  write_ = &write;
  in_end_ = in_buffer_.get();
  in_ = {in_end_, in_end_, 0, 0};
  ended_ = false;
  out_ = unwritten_ = out_buffer_.get();
  Fill();
  bool whole = ReadBlocks() && !Overrun();
  Flush();
  return whole;
}

// Moves what is left to the front and reads more behind it.
void Inflater::Fill() {
  if (ended_) return;
  in_.GiveBack();
  auto left = static_cast<size_t>(in_end_ - in_.at);
  auto* buffer = in_buffer_.get();
  std::memmove(buffer, in_.at, left);
  size_t wanted = kInput - left;
  size_t count = (*read_)(reinterpret_cast<char*>(buffer + left), wanted);
  in_.at = buffer;
  in_end_ = buffer + left + count;
  ended_ = count < wanted;
  if (ended_) std::memset(buffer + left + count, 0, kInputMargin);
  // Eight bytes may be in `bits` and yet not used.
  in_.limit = ended_ ? in_end_ + 8 : in_end_ - kInputMargin;
}

// False: the input has come to its end long ago.
bool Inflater::Need() {
  if (in_.IsLow()) {
    if (ended_) return false;
    Fill();
  }
  in_.Refill();
  return true;
}

bool Inflater::Overrun() const { return ended_ && in_.at - (in_.count >> 3) > in_end_; }

// Writes all there is and keeps what copies may refer to.
void Inflater::Flush() {
  (*write_)(reinterpret_cast<const char*>(unwritten_), static_cast<size_t>(out_ - unwritten_));
  auto* buffer = out_buffer_.get();
  if (static_cast<size_t>(out_ - buffer) > kWindow) {
    std::memmove(buffer, out_ - kWindow, kWindow);
    out_ = buffer + kWindow;
  }
  unwritten_ = out_;
}

bool Inflater::ReadBlocks() {
  for (bool is_last = false; !is_last;) {
    if (!Need()) return false;
    is_last = in_.Take(1);
    bool is_good = false;
    switch (in_.Take(2)) {
      case 0:
        is_good = ReadStored();
        break;
      case 1:
        is_good = ReadCompressed(fixed_literals_, fixed_distances_);
        break;
      case 2:
        is_good = ReadCodes() && ReadCompressed(literals_, distances_);
        break;
    }
    if (!is_good) return false;
  }
  return true;
}

bool Inflater::ReadStored() {
  in_.Drop(in_.count & 7);
  if (!Need()) return false;
  auto left = in_.Take(16);
  if (in_.Take(16) != (left ^ 0xffff)) return false;
  in_.GiveBack();
  while (left > 0) {
    if (out_ >= out_buffer_.get() + kOutput) Flush();
    if (in_.at >= in_end_) Fill();
    if (in_.at >= in_end_) return false;
    auto room = static_cast<size_t>(out_buffer_.get() + kOutput - out_);
    auto count = std::min({size_t{left}, room, static_cast<size_t>(in_end_ - in_.at)});
    std::memcpy(out_, in_.at, count);
    in_.at += count;
    out_ += count;
    left -= static_cast<uint32_t>(count);
  }
  return true;
}

// The codes of a block that brings its own.
bool Inflater::ReadCodes() {
  constexpr uint8_t kOrder[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  if (!Need()) return false;
  size_t literals = in_.Take(5) + 257, distances = in_.Take(5) + 1, given = in_.Take(4) + 4;
  if (literals > 286 || distances > 30) return false;
  uint8_t lengths[288 + 32] = {};
  for (size_t i = 0; i < given; i++) {
    if (!Need()) return false;
    lengths[kOrder[i]] = static_cast<uint8_t>(in_.Take(3));
  }
  if (!lengths_.Build(kLengthSymbols.data(), lengths, 19)) return false;
  return ReadLengths(lengths, literals + distances) && lengths[256] != 0 &&
         literals_.Build(kLiteralSymbols.data(), lengths, literals) &&
         distances_.Build(kDistanceSymbols.data(), lengths + literals, distances);
}

bool Inflater::ReadLengths(uint8_t* lengths, size_t count) {
  const HuffmanTable::View table(lengths_);
  for (size_t i = 0; i < count;) {
    if (!Need()) return false;
    auto entry = table.Look(in_.bits);
    if (entry & kSpecial) return false;
    in_.Drop(EntryBits(entry));
    auto symbol = EntryValue(entry);
    if (symbol < 16) {
      lengths[i++] = static_cast<uint8_t>(symbol);
      continue;
    }
    if (symbol == 16 && i == 0) return false;
    uint8_t repeated = symbol == 16 ? lengths[i - 1] : 0;
    size_t times = symbol == 16 ? 3 + in_.Take(2) : symbol == 17 ? 3 + in_.Take(3) : 11 + in_.Take(7);
    if (times > count - i) return false;
    std::fill_n(lengths + i, times, repeated);
    i += times;
  }
  return true;
}

// Nearly all the time is spent here. A byte that is written may be one of a member, for all that the compiler
// knows: hence the local copies.
inline bool Inflater::Decode(const HuffmanTable& literals, const HuffmanTable& distances) {
  const HuffmanTable::View literal_table(literals), distance_table(distances);
  auto* const out_start = out_buffer_.get();
  auto* const out_limit = out_start + kOutput;
  auto* out = out_;
  BitReader in = in_;
  auto end = [&](bool is_good) {
    out_ = out;
    in_ = in;
    return is_good;
  };

  // What comes next is looked up before a copy, so that neither waits for the other.
  HuffmanEntry entry;
  auto look_ahead = [&] {
    in.Refill();
    entry = literal_table.Look(in.bits);
  };
  look_ahead();
  for (;;) {
    if (out > out_limit || in.IsLow()) [[unlikely]] {
      end(true);
      if (out > out_limit) Flush();
      if (!Need()) return false;
      out = out_;
      in = in_;
    }
    // Two literals and what comes then take at most 11 + 11 + 15 + 5 bits; a distance 15 + 13.
    for (int i = 0; i < 2 && entry & kLiteral; i++) {
      in.Drop(EntryBits(entry));
      *out++ = static_cast<uint8_t>(EntryValue(entry));
      entry = literal_table.Look(in.bits);
    }
    if (entry & kSpecial) [[unlikely]] {
      if (entry & kLink) {
        in.Drop(literal_table.bits);
        entry = literal_table.LookFurther(entry, in.bits);
      }
      if (entry & kSpecial) {
        in.Drop(EntryBits(entry));
        return end(entry & kEndOfBlock);
      }
    }
    if (entry & kLiteral) {
      in.Drop(EntryBits(entry));
      *out++ = static_cast<uint8_t>(EntryValue(entry));
      look_ahead();
      continue;
    }
    size_t length = EntryValue(entry) + (LowBits(in.bits, EntryBits(entry)) >> EntryCodeBits(entry));
    in.Drop(EntryBits(entry));

    if (in.count < 28) in.Refill();
    entry = distance_table.Look(in.bits);
    if (entry & kSpecial) [[unlikely]] {
      if (!(entry & kLink)) return end(false);
      in.Drop(distance_table.bits);
      entry = distance_table.LookFurther(entry, in.bits);
      if (entry & kSpecial) return end(false);
    }
    size_t distance = EntryValue(entry) + (LowBits(in.bits, EntryBits(entry)) >> EntryCodeBits(entry));
    in.Drop(EntryBits(entry));
    if (distance > static_cast<size_t>(out - out_start)) return end(false);
    look_ahead();
    CopyBack(out, distance, length);
    out += length;
  }
}

bool Inflater::DecodeAnywhere(const HuffmanTable& literals, const HuffmanTable& distances) {
  return Decode(literals, distances);
}

// Shifts by any count take one instruction there instead of three.
#ifdef __x86_64__
__attribute__((target("bmi2"), flatten)) bool Inflater::DecodeBmi2(const HuffmanTable& literals,
                                                                   const HuffmanTable& distances) {
  return Decode(literals, distances);
}
#endif

bool Inflater::ReadCompressed(const HuffmanTable& literals, const HuffmanTable& distances) {
#ifdef __x86_64__
  static const bool has_bmi2 = __builtin_cpu_supports("bmi2");
  if (has_bmi2) return DecodeBmi2(literals, distances);
#endif
  return DecodeAnywhere(literals, distances);
}

}  // namespace ostree
