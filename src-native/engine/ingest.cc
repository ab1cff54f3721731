#include "engine/ingest.h"

#include <cerrno>

#include "core/failure.h"
#include "engine/content.h"
#include "engine/names.h"
#include "engine/tar.h"

namespace ostree {
namespace {

// How often a file is read that does not keep still.
constexpr int kAttempts = 4;
// From so many bytes on, reading a file takes longer than handing on what is left of its batch.
constexpr uint64_t kLarge = 256 * 1024;

Failure Changed(const char* how, const std::string& path) {
  return PathFailure("FAILED", std::string("A file ") + how + " while it was being committed", path);
}

Owner OwnerOf(const struct stat& status) { return {status.st_uid, status.st_gid, status.st_mode}; }

bool IsEqual(const Xattrs& a, const Xattrs& b) {
  auto is_any = [](const Xattrs& xattrs) { return xattrs && g_variant_n_children(xattrs.get()) > 0; };
  return is_any(a) && is_any(b) ? g_variant_equal(a.get(), b.get()) : is_any(a) == is_any(b);
}

Owner OwnerOf(const FileInfo& info) { return {info.uid, info.gid, info.mode}; }

}  // namespace

Ingest::Ingest(OstreeRepo* repo, const Rules& rules, ObjectWriter& writer, StatCache& cache, Tally& tally,
               GCancellable* cancellable)
    : repo_(repo), rules_(rules), writer_(writer), cache_(cache), tally_(tally), cancellable_(cancellable) {}

void Ingest::Settle(const TreeDir& dir, const std::string& name, TreeFile& file,
                    const std::function<void()>& before_large) {
  ThrowIfCancelled(cancellable_);
  before_large_ = &before_large;
  auto path = [&] { return file.label_path ? *file.label_path : dir.Path(name); };
  if (file.spooled)
    file.checksum = FromSpool(file);
  else if (file.entry)
    file.checksum = FromSet(file, rules_.Label(file.entry->owner.mode, path));
  else if (file.disk)
    file.checksum = FromDisk(file.disk_name ? *file.disk_name : name, file,
                             rules_.Label(file.is_link ? S_IFLNK : S_IFREG, path));
  else
    file.checksum = FromObject(name, file, path);
  file.is_settled = true;
}

// The rules are in its header already.
Checksum Ingest::FromSpool(const TreeFile& file) {
  const auto& spooled = *file.spooled;
  if (file.is_link) return writer_.WriteLink(spooled.header);
  SpooledContent content(spooled.spool, spooled.offset, spooled.size);
  return Write(spooled.header, content);
}

Checksum Ingest::Write(const std::string& header, Content& content) {
  if (content.size() >= kLarge) (*before_large_)();
  return writer_.WriteFile(header, content, buffer_);
}

StatCache::Dir& Ingest::Known(const DiskDir& disk, int fd) {
  if (!known_ || known_->disk != &disk) known_ = &cache_.In(disk, fd);
  return *known_;
}

Checksum Ingest::FromDisk(const std::string& name, const TreeFile& file, Label label) {
  int dir = opener_.Open(*file.disk);
  // What is changed on its way is not in the cache: the same file elsewhere in the tree would be another
  // object.
  if (!file.change && cache_.is_used()) {
    if (auto known = cache_.Find(Known(*file.disk, dir), dir, name, label)) {
      tally_.cache_hits++;
      return *known;
    }
  }
  if (file.is_link) return ReadLinkFile(dir, name, file, label);
  for (int attempt = 1;; attempt++) {
    try {
      return ReadFile(dir, name, file, label);
    } catch (const ContentChanged&) {
      if (attempt == kAttempts) throw Changed("kept changing", file.disk->Path(name));
    }
  }
}

// Everything about the file comes from this one descriptor, so that it is one
// file's. A pipe or a device that took its place must neither block nor be read.
Checksum Ingest::ReadFile(int dir, const std::string& name, const TreeFile& file, Label label) {
  auto path = [&file, &name] { return file.disk->Path(name); };
  Fd fd(openat(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno == ELOOP) throw Changed("became a symbolic link", path());
  if (!fd) throw Failure::Errno("openat", path());
  struct stat status;
  if (fstat(fd.get(), &status) < 0) throw Failure::Errno("fstat", path());
  if (!S_ISREG(status.st_mode)) throw Changed("became a directory, device or pipe", path());

  auto xattrs = rules_.keeps_xattrs() ? ReadXattrs(fd.get(), path) : Xattrs();
  auto header = ContentHeader(rules_.Apply(OwnerOf(status), file.change), "", rules_.Labelled(xattrs, label));
  FdContent content(fd.get(), status, path);
  auto checksum = Write(header, content);
  if (!file.change && cache_.is_used()) cache_.Remember(*known_, name, status, checksum, label);
  return checksum;
}

Checksum Ingest::ReadLinkFile(int dir, const std::string& name, const TreeFile& file, Label label) {
  auto path = [&file, &name] { return file.disk->Path(name); };
  Fd fd(openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw Failure::Errno("openat", path());
  struct stat status;
  if (fstat(fd.get(), &status) < 0) throw Failure::Errno("fstat", path());
  if (!S_ISLNK(status.st_mode)) throw Changed("ceased to be a symbolic link", path());

  auto target = ReadLink(fd.get(), "", path);
  auto xattrs = rules_.keeps_xattrs() ? ReadLinkXattrs(fd.get(), path) : Xattrs();
  auto owner = rules_.Apply(OwnerOf(status), file.change);
  auto checksum = writer_.WriteLink(ContentHeader(owner, target, rules_.Labelled(xattrs, label)));
  if (!file.change && cache_.is_used()) cache_.Remember(*known_, name, status, checksum, label);
  return checksum;
}

Checksum Ingest::FromSet(const TreeFile& file, Label label) {
  const auto& entry = *file.entry;
  auto xattrs = rules_.Labelled(rules_.keeps_xattrs() ? entry.xattrs : Xattrs(), label);
  auto header = ContentHeader(rules_.Apply(entry.owner, file.change), entry.target, xattrs);
  if (file.is_link) return writer_.WriteLink(header);
  SetContent content(*file.files, entry);
  return Write(header, content);
}

// A file of a commit, under rules that may change it. Mostly they do not, and
// then it is the same object.
Checksum Ingest::FromObject(const std::string& name, const TreeFile& file, const PathName& path) {
  auto object = LoadFile(repo_, file.checksum.Hex(), kFileXattrs, cancellable_);
  auto before = OwnerOf(object.info);
  auto after = rules_.Apply(before, file.change);
  if (S_ISLNK(before.mode) && file.change) Rules::CheckLink(*file.change, name);
  const auto& stored = object.xattrs;
  auto xattrs = rules_.Labelled(rules_.keeps_xattrs() ? stored : Xattrs(), before.mode, path);
  if (after == before && IsEqual(xattrs, stored)) return file.checksum;

  if (S_ISLNK(before.mode)) return writer_.WriteLink(ContentHeader(after, object.info.target, xattrs));
  ObjectContent content(repo_, file.checksum, cancellable_);
  return Write(ContentHeader(after, "", xattrs), content);
}

}  // namespace ostree
