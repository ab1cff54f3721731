// The whiteouts of FilePlacer: names that stand for something that is to be gone.
#include <cerrno>

#include "engine/names.h"
#include "engine/place_file.h"
#include "engine/remove_tree.h"
#include "engine/set_xattrs.h"

namespace ostree {
namespace {

// What a whiteout is of. libostree takes "." and ".." too, and would then remove what holds the directory.
std::string NameOf(std::string_view name, const std::string& path) {
  if (name.empty() || name == "." || name == "..") throw PathFailure("FAILED", "A whiteout of nothing", path);
  return std::string(name);
}

bool IsNone(GVariant* xattrs) { return !xattrs || g_variant_n_children(xattrs) == 0; }

}  // namespace

// As in the layers of Docker and OCI images: the file with that name goes, and so does the whiteout.
void FilePlacer::PlaceWhiteout(const Target& target) {
  auto name = NameOf(std::string_view(target.name).substr(kWhiteout.size()), target.Path());
  Remove(target, name);
}

// As overlayfs has it: a device 0:0 in the place of the file.
void FilePlacer::PlaceOverlayWhiteout(const Target& target, const StoredFile& file) {
  auto name = NameOf(std::string_view(target.name).substr(kOverlayWhiteout.size()), target.Path());
  Target device{target.fd, target.dir, name, target.checksum};
  counts_.files++;
  bool is_new = MakeDevice(device, file);
  if (!is_new && plan_.overwrite == Overwrite::kNone)
    throw PathFailure("EXISTS", "The destination has something else there already", device.Path());
  if (!is_new && plan_.overwrite == Overwrite::kUnionFiles) {
    if (unlinkat(device.fd, name.c_str(), 0) < 0 && errno != ENOENT)
      throw Failure::Errno("unlinkat", device.Path());
    is_new = MakeDevice(device, file);
  }
  if (!is_new && plan_.overwrite == Overwrite::kUnionIdentical) CheckSameDevice(device, file);
  (is_new ? counts_.copied : counts_.kept)++;
}

// False: there is something with that name.
bool FilePlacer::MakeDevice(const Target& device, const StoredFile& file) {
  const auto& info = file.info;
  auto path = [&device] { return device.Path(); };
  auto* name = device.name.c_str();
  if (mknodat(device.fd, name, (info.mode & 07777) | S_IFCHR, 0) < 0) {
    if (errno == EEXIST) return false;
    throw Failure::Errno("mknodat", path());
  }
  if (plan_.user_mode) return true;
  SetXattrsAt(device.fd, device.name, file.xattrs.get(), path);
  if (fchownat(device.fd, name, info.uid, info.gid, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fchownat", path());
  if (fchmodat(device.fd, name, info.mode & 07777, 0) < 0) throw Failure::Errno("fchmodat", path());
  return true;
}

// As libostree, which does not look at what kind of file it is.
void FilePlacer::CheckSameDevice(const Target& device, const StoredFile& file) {
  const auto& info = file.info;
  auto path = [&device] { return device.Path(); };
  struct stat there;
  Fd fd(openat(device.fd, device.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || fstat(fd.get(), &there) < 0) throw Failure::Errno("openat", path());
  bool is_same = true;
  if (!stores_.front().ignores_xattrs) {
    auto xattrs = ReadLinkXattrs(fd.get(), path);
    is_same = xattrs && file.xattrs ? g_variant_equal(xattrs.get(), file.xattrs.get())
                                    : IsNone(xattrs.get()) && IsNone(file.xattrs.get());
  }
  if (!plan_.user_mode)
    is_same = is_same && there.st_uid == info.uid && there.st_gid == info.gid &&
              (there.st_mode & 07777) == (info.mode & 07777);
  if (!is_same) throw PathFailure("EXISTS", "The destination has something else there already", path());
}

}  // namespace ostree
