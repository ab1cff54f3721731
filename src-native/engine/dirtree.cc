#include "engine/dirtree.h"

#include <cstdint>
#include <string>
#include <vector>

#include "engine/framing.h"

namespace ostree {
namespace {

void AppendEnd(std::string& bytes, size_t end, size_t width) {
  for (; width > 0; width--, end >>= 8) bytes += static_cast<char>(end & 0xff);
}

void Append(std::string& bytes, const Checksum& checksum) {
  bytes.append(reinterpret_cast<const char*>(checksum.data()), Checksum::size());
}

// An array of entries, which have a name first of all. Without the help of GVariant, as there is one for
// every file of a commit.
class Entries {
 public:
  void Begin(const std::string& name) {
    start_ = bytes_.size();
    bytes_.append(name.c_str(), name.size() + 1);
    name_end_ = bytes_.size() - start_;
  }
  // A (say)
  void EndFile() {
    AppendEnd(bytes_, name_end_, EndWidth(bytes_.size() - start_, 1));
    Close();
  }
  // A (sayay): the ends stand in reverse order
  void EndDirectory() {
    size_t width = EndWidth(bytes_.size() - start_, 2);
    AppendEnd(bytes_, name_end_ + Checksum::size(), width);
    AppendEnd(bytes_, name_end_, width);
    Close();
  }
  std::string& bytes() { return bytes_; }
  // With the ends of all entries.
  const std::string& Finish() {
    size_t width = EndWidth(bytes_.size(), ends_.size());
    for (auto end : ends_) AppendEnd(bytes_, end, width);
    return bytes_;
  }

 private:
  void Close() { ends_.push_back(bytes_.size()); }

  std::string bytes_;
  std::vector<size_t> ends_;
  size_t start_ = 0, name_end_ = 0;
};

}  // namespace

Shared<GVariant> DirTree(const TreeDir& dir) {
  Entries files, dirs;
  for (const auto& [name, file] : dir.files) {
    files.Begin(name);
    Append(files.bytes(), file.checksum);
    files.EndFile();
  }
  for (const auto& [name, child] : dir.dirs) {
    dirs.Begin(name);
    Append(dirs.bytes(), child->contents);
    Append(dirs.bytes(), child->metadata);
    dirs.EndDirectory();
  }
  std::string object = files.Finish();
  size_t files_end = object.size();
  object += dirs.Finish();
  AppendEnd(object, files_end, EndWidth(object.size(), 1));
  auto bytes = Shared<GBytes>::Take(g_bytes_new(object.data(), object.size()));
  return Shared<GVariant>::Share(g_variant_new_from_bytes(OSTREE_TREE_GVARIANT_FORMAT, bytes.get(), TRUE));
}

}  // namespace ostree
