#include "engine/sound_dirtree.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/ptr.h"
#include "engine/framing.h"
#include "engine/objects.h"

namespace ostree {
namespace {

struct Bytes {
  const uint8_t* data;
  size_t size;

  Bytes Part(size_t begin, size_t end) const { return {data + begin, end - begin}; }
};

// What has no fixed size: its parts, and then where `count` of them end, in the normal width.
class Framed {
 public:
  // Of an array: as many as there is room for after the last one, which the last end tells.
  explicit Framed(Bytes bytes) : bytes_(bytes), width_(EndWidth(bytes.size, 0)) {
    if (bytes.size < width_) return;
    body_ = Number(bytes.size - width_);
    if (body_ > bytes.size - width_ || (bytes.size - body_) % width_ != 0) return;
    count_ = (bytes.size - body_) / width_;
    normal_ = EndWidth(body_, count_) == width_;
  }
  // Of a tuple
  Framed(Bytes bytes, size_t count) : bytes_(bytes), width_(EndWidth(bytes.size, 0)), count_(count) {
    if (bytes.size < count * width_) return;
    body_ = bytes.size - count * width_;
    normal_ = EndWidth(body_, count_) == width_;
  }

  bool normal() const { return normal_; }
  size_t body() const { return body_; }
  size_t count() const { return count_; }
  // The one that stands at this place: those of a tuple are in reverse order.
  size_t end(size_t index) const { return Number(body_ + index * width_); }

 private:
  size_t Number(size_t at) const {
    size_t value = 0;
    for (size_t i = width_; i-- > 0;) value = value << 8 | bytes_.data[at + i];
    return value;
  }

  const Bytes bytes_;
  const size_t width_;
  size_t body_ = 0, count_ = 0;
  bool normal_ = false;
};

bool IsName(Bytes text) {
  if (text.size < 2 || text.data[text.size - 1] != 0) return false;
  auto* name = reinterpret_cast<const char*>(text.data);
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || memchr(name, '/', text.size)) return false;
  return g_utf8_validate_len(name, text.size - 1, nullptr);  // which a NUL is no part of
}

// Without the NUL that ends it.
std::string_view NameAt(Bytes entry, size_t end) {
  return {reinterpret_cast<const char*>(entry.data), end > 0 ? end - 1 : 0};
}

Checksum ChecksumAt(Bytes entry, size_t begin) {
  return Checksum::FromBytes(entry.data + begin, Checksum::size());
}

// (say)
bool AddFile(Bytes entry, std::vector<DirTreeView::File>& files) {
  Framed framed(entry, 1);
  if (!framed.normal()) return false;
  auto name_end = framed.end(0);
  if (name_end > framed.body() || framed.body() - name_end != Checksum::size()) return false;
  files.push_back({NameAt(entry, name_end), ChecksumAt(entry, name_end)});
  return IsName(entry.Part(0, name_end));
}

// (sayay)
bool AddDirectory(Bytes entry, std::vector<DirTreeView::Dir>& dirs) {
  Framed framed(entry, 2);
  if (!framed.normal()) return false;
  auto name_end = framed.end(1), contents_end = framed.end(0);
  if (name_end > framed.body() || framed.body() - name_end != 2 * Checksum::size()) return false;
  if (contents_end != name_end + Checksum::size()) return false;
  dirs.push_back({NameAt(entry, name_end), ChecksumAt(entry, name_end), ChecksumAt(entry, contents_end)});
  return IsName(entry.Part(0, name_end));
}

template <class Entry>
bool AddEntries(Bytes array, bool (*add)(Bytes, std::vector<Entry>&), std::vector<Entry>& entries) {
  if (array.size == 0) return true;
  Framed framed(array);
  if (!framed.normal()) return false;
  entries.reserve(std::min(framed.count(), array.size / Checksum::size()));
  size_t begin = 0;
  for (size_t i = 0; i < framed.count(); i++) {
    auto end = framed.end(i);
    if (end < begin || end > framed.body() || !add(array.Part(begin, end), entries)) return false;
    begin = end;
  }
  return true;
}

Shared<GVariant> Child(GVariant* parent, size_t index) {
  return Shared<GVariant>::Take(g_variant_get_child_value(parent, index));
}

// The bytes are those of the dirtree, which is serialised.
std::string_view NameChild(GVariant* parent, size_t index) {
  gsize size = 0;
  const char* name = g_variant_get_string(Child(parent, index).get(), &size);
  return {name, size};
}

}  // namespace

// (a(say)a(sayay))
std::optional<DirTreeView> ParseSoundDirTree(const void* data, size_t size) {
  Bytes all{static_cast<const uint8_t*>(data), size};
  Framed framed(all, 1);
  if (!framed.normal()) return {};
  auto files_end = framed.end(0);
  DirTreeView view;
  bool sound = files_end <= framed.body() && AddEntries(all.Part(0, files_end), AddFile, view.files) &&
               AddEntries(all.Part(files_end, framed.body()), AddDirectory, view.dirs);
  if (!sound) return {};
  return view;
}

DirTreeView ViewDirTree(GVariant* dirtree) {
  if (auto view = ParseSoundDirTree(g_variant_get_data(dirtree), g_variant_get_size(dirtree)))
    return std::move(*view);
  DirTreeView view;
  auto files = Child(dirtree, 0);
  for (size_t i = 0; i < g_variant_n_children(files.get()); i++) {
    auto file = Child(files.get(), i);
    view.files.push_back({NameChild(file.get(), 0), ChecksumChild(file.get(), 1)});
  }
  auto dirs = Child(dirtree, 1);
  for (size_t i = 0; i < g_variant_n_children(dirs.get()); i++) {
    auto dir = Child(dirs.get(), i);
    view.dirs.push_back({NameChild(dir.get(), 0), ChecksumChild(dir.get(), 1), ChecksumChild(dir.get(), 2)});
  }
  return view;
}

}  // namespace ostree
