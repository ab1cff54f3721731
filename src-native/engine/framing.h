// GVariant's framing: parts of no fixed size are followed by where they end, in
// as few bytes as can say how long all of it is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ostree {

inline size_t EndWidth(size_t body, size_t count) {
  for (size_t width = 1; width < sizeof(uint64_t); width *= 2)
    if (body + count * width < uint64_t{1} << (8 * width)) return width;
  return sizeof(uint64_t);
}

}  // namespace ostree
