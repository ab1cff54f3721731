#include "delta_superblock.h"

#include <sys/stat.h>

#include <climits>
#include <cstring>

namespace ostree {
namespace {

constexpr const char* kHostOrder = G_BYTE_ORDER == G_LITTLE_ENDIAN ? "little" : "big";
constexpr const char* kOtherOrder = G_BYTE_ORDER == G_LITTLE_ENDIAN ? "big" : "little";

// As ostree-repo-static-delta-private.h has them.
constexpr const char* kFormat = "(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))";
constexpr const char* kSignedFormat = "(taya{sv})";
constexpr const char kMagic[] = "OSTSGNDT";
constexpr size_t kMagicSize = sizeof kMagic - 1;

// The children of a superblock.
enum { kMetadata, kTimestamp, kFrom, kTo, kCommit, kParents, kParts, kFallbacks };

[[noreturn]] void Corrupt(const std::string& why) {
  throw Failure("CORRUPT", "The superblock of the delta is damaged: " + why);
}

Shared<GVariant> Child(GVariant* parent, size_t index) {
  return Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
}

Shared<GVariant> Load(const char* type, const Shared<GBytes>& bytes) {
  auto variant = Shared<GVariant>::Share(
      g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes.get(), /* trusted */ FALSE));
  if (!g_variant_is_normal_form(variant.get())) Corrupt("it is not in normal form");
  return variant;
}

std::string ToChecksum(GVariant* bytes, const char* what) {
  Owned<GError> error;
  if (!ostree_validate_structureof_csum_v(bytes, Out(error))) Corrupt(std::string(what) + " is no checksum");
  return Owned<char>(ostree_checksum_from_bytes_v(bytes)).get();
}

void CheckType(guint8 type) {
  Owned<GError> error;
  if (!ostree_validate_structureof_objtype(type, Out(error)))
    Corrupt("there is no object type " + std::to_string(type));
}

void CheckObjects(GVariant* objects) {
  gsize size = 0;
  auto* bytes = static_cast<const guint8*>(g_variant_get_fixed_array(objects, &size, 1));
  if (size % kDeltaObjectSize != 0) Corrupt("the list of objects of a part has an impossible length");
  for (gsize i = 0; i < size; i += kDeltaObjectSize) CheckType(bytes[i]);
}

// Sizes are in the byte order of the machine that made the delta.
struct Sizes {
  bool swap = false;
  uint64_t operator()(guint64 value) const { return swap ? GUINT64_SWAP_LE_BE(value) : value; }
};

// As _ostree_delta_get_endianness(): old deltas do not say, and then absurd sizes give it away.
void FindEndianness(GVariant* superblock, DeltaInfo& info) {
  guint8 letter = 0;
  if (g_variant_lookup(Child(superblock, kMetadata).get(), "ostree.endianness", "y", &letter)) {
    if (letter == 'l') info.endianness = "little";
    if (letter == 'B') info.endianness = "big";
    return;
  }
  info.endiannessGuessed = true;
  uint64_t total = 0, objects = 0;
  for (const auto& part : info.parts) {
    total += part.size;
    objects += part.objects;
    if (part.size > part.uncompressedSize &&
        static_cast<double>(part.size) / static_cast<double>(part.uncompressedSize) > 1.2) {
      info.endianness = kOtherOrder;
      return;
    }
  }
  if (objects > 0 && total / objects > UINT32_MAX) info.endianness = kOtherOrder;
}

std::string PartKey(const DeltaName& name, size_t index) {
  return DeltaPath(name) + "/" + std::to_string(index);
}

DeltaPart ReadPart(GVariant* entry) {
  DeltaPart part;
  Shared<GVariant> checksum, objects;
  guint64 size = 0, uncompressed = 0;
  g_variant_get(entry, "(u@aytt@ay)", nullptr, static_cast<GVariant**>(Out(checksum)), &size, &uncompressed,
                static_cast<GVariant**>(Out(objects)));
  part.checksum = ToChecksum(checksum.get(), "that of a part");
  CheckObjects(objects.get());
  part.objects = g_variant_get_size(objects.get()) / kDeltaObjectSize;
  part.size = size;
  part.uncompressedSize = uncompressed;
  return part;
}

DeltaFallback ReadFallback(GVariant* entry, const Sizes& sizes) {
  DeltaFallback fallback;
  Shared<GVariant> checksum;
  guint8 type = 0;
  guint64 size = 0, uncompressed = 0;
  g_variant_get(entry, "(y@aytt)", &type, static_cast<GVariant**>(Out(checksum)), &size, &uncompressed);
  CheckType(type);
  fallback.type = ostree_object_type_to_string(static_cast<OstreeObjectType>(type));
  fallback.checksum = ToChecksum(checksum.get(), "that of a fallback");
  fallback.size = sizes(size);
  fallback.uncompressedSize = sizes(uncompressed);
  return fallback;
}

void ReadNames(GVariant* superblock, DeltaInfo& info) {
  auto from = Child(superblock, kFrom);
  auto to = ToChecksum(Child(superblock, kTo).get(), "that of the target");
  info.name = g_variant_n_children(from.get()) == 0
                  ? MakeDeltaName({}, to)
                  : MakeDeltaName(ToChecksum(from.get(), "that of the source"), to);
}

void ReadSizes(const Superblock& superblock, DeltaInfo& info) {
  auto parts = Child(superblock.variant.get(), kParts);
  auto fallbacks = Child(superblock.variant.get(), kFallbacks);
  for (gsize i = 0; i < g_variant_n_children(parts.get()); i++)
    info.parts.push_back(ReadPart(Child(parts.get(), i).get()));
  FindEndianness(superblock.variant.get(), info);
  Sizes sizes{info.endianness && *info.endianness != kHostOrder};
  for (auto& part : info.parts) {
    part.size = sizes(part.size);
    part.uncompressedSize = sizes(part.uncompressedSize);
  }
  for (gsize i = 0; i < g_variant_n_children(fallbacks.get()); i++)
    info.fallbacks.push_back(ReadFallback(Child(fallbacks.get(), i).get(), sizes));
}

}  // namespace

Shared<GBytes> ReadDeltaFile(int directory, const std::string& name) {
  Fd fd(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat st;
  if (!fd || fstat(fd.get(), &st) < 0) throw Failure::Errno("open", name);
  if (!S_ISREG(st.st_mode)) throw Failure("INVALID_ARGUMENT", name + " is not a file");
  auto size = static_cast<size_t>(st.st_size);
  if (size > INT_MAX) throw Failure("TOO_LARGE", name + " is larger than 2 GiB");
  std::vector<uint8_t> data(size);
  for (size_t at = 0; at < size;) {
    ssize_t count = read(fd.get(), data.data() + at, size - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Failure::Errno("read", name);
    if (count == 0) throw Failure("CORRUPT", name + " became shorter while it was read");
    at += static_cast<size_t>(count);
  }
  return Shared<GBytes>::Take(g_bytes_new(data.data(), data.size()));
}

Superblock ParseSuperblock(const Shared<GBytes>& bytes) {
  Superblock result;
  result.bytes = bytes;
  gsize size = 0;
  auto* data = g_bytes_get_data(bytes.get(), &size);
  if (size >= kMagicSize && memcmp(data, kMagic, kMagicSize) == 0) {
    auto outer = Load(kSignedFormat, bytes);
    result.signatures = SignaturesIn(Child(outer.get(), 2).get());
    result.bytes = Shared<GBytes>::Take(g_variant_get_data_as_bytes(Child(outer.get(), 1).get()));
  }
  result.variant = Load(kFormat, result.bytes);
  Owned<GError> error;
  if (!ostree_validate_structureof_commit(Child(result.variant.get(), kCommit).get(), Out(error)))
    Corrupt("it has no commit in it");
  auto& info = result.info;
  ReadNames(result.variant.get(), info);
  ReadSizes(result, info);
  for (const auto& [key, list] : result.signatures) info.isSigned |= !list.empty();
  guint64 time = 0;
  g_variant_get_child(result.variant.get(), kTimestamp, "t", &time);
  info.timestamp = static_cast<double>(GUINT64_FROM_BE(time));
  info.parents = g_variant_get_size(Child(result.variant.get(), kParents).get()) / 64;
  for (size_t i = 0; i < info.parts.size(); i++)
    info.parts[i].isInline = static_cast<bool>(result.InlinePart(i));
  return result;
}

Shared<GVariant> Superblock::Objects(size_t index) const {
  return Child(Child(Child(variant.get(), kParts).get(), index).get(), 4);
}

Shared<GBytes> Superblock::InlinePart(size_t index) const {
  auto key = PartKey(info.name, index);
  auto part = Shared<GVariant>::Take(
      g_variant_lookup_value(Child(variant.get(), kMetadata).get(), key.c_str(), G_VARIANT_TYPE("(yay)")));
  return part ? Shared<GBytes>::Take(g_variant_get_data_as_bytes(part.get())) : Shared<GBytes>();
}

Shared<GVariant> SignedSuperblock(const Shared<GBytes>& superblock, const SignatureMap& signatures) {
  guint64 magic = 0;
  memcpy(&magic, kMagic, sizeof magic);
  // There may be none.
  auto added = Shared<GVariant>::Share(g_variant_new_array(G_VARIANT_TYPE("{sv}"), nullptr, 0));
  for (const auto& [key, list] : signatures)
    for (const auto& signature : list) added = AddSignature(added.get(), key, signature);
  auto* data = g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, superblock.get(), TRUE);
  return Shared<GVariant>::Share(g_variant_new("(t@ay@a{sv})", magic, data, added.get()));
}

}  // namespace ostree
