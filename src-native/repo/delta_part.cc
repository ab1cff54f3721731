#include "delta_part.h"

#include <sys/stat.h>

#include <climits>
#include <cstring>

#include "core/xz.h"
#include "delta_superblock.h"

namespace ostree {
namespace {

constexpr const char* kFormat = "(a(uuu)aa(ayay)ayay)";
enum { kModes, kXattrs, kPayload, kOperations };

[[noreturn]] void Corrupt(const std::string& why) {
  throw Failure("CORRUPT", "A part of the delta is damaged: " + why);
}

Shared<GVariant> Child(GVariant* parent, size_t index) {
  return Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
}

// Bytes that are read from front to back.
class Cursor {
 public:
  explicit Cursor(GVariant* bytes) {
    gsize size = 0;
    data_ = static_cast<const guint8*>(g_variant_get_fixed_array(bytes, &size, 1));
    size_ = size;
  }
  Cursor(const guint8* data, size_t size) : data_(data), size_(size) {}

  const guint8* data() const { return data_; }
  size_t size() const { return size_; }

  const guint8* Skip(uint64_t count) {
    if (count > size_) Corrupt("it ends in the midst of an operation");
    auto* at = data_;
    data_ += count;
    size_ -= count;
    return at;
  }
  // LEB128
  uint64_t Number() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      guint8 byte = *Skip(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    Corrupt("a number has more than 64 bits");
  }

 private:
  const guint8* data_;
  size_t size_;
};

// Of a bsdiff patch: sign and magnitude, little-endian.
int64_t Offset(const guint8* bytes) {
  uint64_t raw = 0;
  memcpy(&raw, bytes, sizeof raw);
  raw = GUINT64_FROM_LE(raw);
  auto magnitude = static_cast<int64_t>(raw & INT64_MAX);
  return raw >> 63 ? -magnitude : magnitude;
}

// bspatch(), reading only: it must find in the patch what makes a file of that size.
void CheckPatch(Cursor patch, uint64_t size) {
  constexpr size_t kControl = 24;
  for (uint64_t done = 0; done < size;) {
    auto* control = patch.Skip(kControl);
    int64_t diff = Offset(control), extra = Offset(control + 8);
    if (diff < 0 || diff > INT_MAX || extra < 0 || extra > INT_MAX) Corrupt("a patch is impossible");
    auto next = static_cast<uint64_t>(diff) + static_cast<uint64_t>(extra);
    if (next > size - done) Corrupt("a patch makes more than its file");
    patch.Skip(next);
    done += next;
  }
}

// Runs through the operations as _ostree_static_delta_part_execute() does.
class Checker {
 public:
  Checker(GVariant* part, const DeltaPartUse& use)
      : use_(use),
        modes_(Child(part, kModes)),
        xattrs_(Child(part, kXattrs)),
        payload_(Child(part, kPayload)),
        operations_(Child(part, kOperations)),
        data_(payload_.get()),
        program_(operations_.get()),
        objects_(use.objects) {}

  void Run(GCancellable* cancellable) {
    while (program_.size() > 0) {
      ThrowIfCancelled(cancellable);
      Step(*program_.Skip(1));
    }
    if (open_) Corrupt("it ends within an object");
  }

 private:
  void Step(guint8 operation) {
    switch (operation) {
      case 'S':
        return Splice();
      case 'o':
        return Open();
      case 'w':
        return Write();
      case 'r':
        NeedBare();
        Slice(program_.Number(), OSTREE_SHA256_DIGEST_LEN);
        source_ = true;
        return;
      case 'R':
        source_ = false;
        return;
      case 'c':
        return Close();
      case 'B':
        return Patch();
      default:
        Corrupt("there is no operation " + std::to_string(operation));
    }
  }

  // A whole object out of the data.
  void Splice() {
    if (NextObject() != OSTREE_OBJECT_TYPE_FILE) {
      auto length = program_.Number();
      Slice(program_.Number(), length);
    } else {
      auto mode = Header();
      auto size = program_.Number();
      auto content = Slice(program_.Number(), size);
      if (S_ISLNK(mode) &&
          !g_utf8_validate_len(reinterpret_cast<const char*>(content.data()), content.size(), nullptr))
        Corrupt("the target of a link is not UTF-8");
    }
    source_ = false;
  }

  void Open() {
    NeedBare();
    if (NextObject() != OSTREE_OBJECT_TYPE_FILE || !S_ISREG(Header())) Corrupt("it patches what is no file");
    size_ = left_ = program_.Number();
    open_ = true;
  }

  void Write() {
    auto size = program_.Number(), offset = program_.Number();
    if (!open_) Corrupt("it writes to no object");
    if (!source_) Slice(offset, size);
    Spend(size);
  }

  void Patch() {
    auto offset = program_.Number(), length = program_.Number();
    if (!open_ || !source_) Corrupt("it patches without an object");
    CheckPatch(Slice(offset, length), size_);
    Spend(size_);
  }

  void Close() {
    if (!open_) Corrupt("it closes no object");
    open_ = source_ = false;
  }

  // The type of the object that begins here.
  guint8 NextObject() {
    if (open_) Corrupt("an object begins within another one");
    if (objects_.size() < kDeltaObjectSize) Corrupt("it makes more objects than it should");
    guint8 type = *objects_.Skip(kDeltaObjectSize);
    if (type < OSTREE_OBJECT_TYPE_FILE || type > OSTREE_OBJECT_TYPE_COMMIT)
      Corrupt("it makes an object of type " + std::to_string(type));
    return type;
  }

  // The mode, of those that it has in a table.
  guint32 Header() {
    auto mode_at = program_.Number(), xattrs_at = program_.Number();
    if (mode_at >= g_variant_n_children(modes_.get()) || xattrs_at >= g_variant_n_children(xattrs_.get()))
      Corrupt("an object has no mode");
    guint32 mode = 0;
    g_variant_get_child(modes_.get(), mode_at, "(uuu)", nullptr, nullptr, &mode);
    mode = GUINT32_FROM_BE(mode);
    if (!S_ISREG(mode) && !S_ISLNK(mode)) Corrupt("an object is neither a file nor a link");
    return mode;
  }

  Cursor Slice(uint64_t offset, uint64_t size) const {
    if (offset > data_.size() || size > data_.size() - offset) Corrupt("it reads beyond its data");
    return Cursor(data_.data() + offset, size);
  }

  void Spend(uint64_t size) {
    if (size > left_) Corrupt("an object becomes larger than it should");
    left_ -= size;
  }

  void NeedBare() const {
    if (use_.archive)
      throw Failure("NOT_SUPPORTED",
                    "The delta changes files of another commit, which an archive repository does not "
                    "keep as such; apply it to a bare one, or pull without deltas");
  }

  const DeltaPartUse& use_;
  const Shared<GVariant> modes_, xattrs_, payload_, operations_;
  const Cursor data_;
  Cursor program_, objects_;
  bool open_ = false, source_ = false;
  uint64_t size_ = 0, left_ = 0;  // of the open object
};

Shared<GBytes> Decompress(const Shared<GBytes>& part, const DeltaPartUse& use, GCancellable* cancellable) {
  gsize size = 0;
  auto* data = static_cast<const guint8*>(g_bytes_get_data(part.get(), &size));
  if (size == 0) Corrupt("it is empty");
  if (data[0] == 0) return Shared<GBytes>::Take(g_bytes_new_from_bytes(part.get(), 1, size - 1));
  if (data[0] == 'x') return DecompressXz(data + 1, size - 1, use.limit, cancellable);
  Corrupt("there is no compression " + std::to_string(data[0]));
}

}  // namespace

void CheckDeltaPart(const Shared<GBytes>& part, const DeltaPartUse& use, GCancellable* cancellable) {
  auto data = Decompress(part, use, cancellable);
  auto variant = Shared<GVariant>::Share(
      g_variant_new_from_bytes(G_VARIANT_TYPE(kFormat), data.get(), /* trusted */ FALSE));
  if (!g_variant_is_normal_form(variant.get())) Corrupt("it is not in normal form");
  Checker(variant.get(), use).Run(cancellable);
}

}  // namespace ostree
