#include "engine/place_file.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string_view>

#include "engine/copy_data.h"
#include "engine/devino.h"
#include "engine/loose.h"
#include "engine/names.h"
#include "engine/new_file.h"
#include "engine/remove_tree.h"
#include "engine/sepolicy.h"
#include "engine/set_xattrs.h"

namespace ostree {
namespace {

bool Linkable(OstreeRepoMode mode, bool user_mode) {
  if (user_mode) return mode == OSTREE_REPO_MODE_BARE_USER || mode == OSTREE_REPO_MODE_BARE_USER_ONLY;
  return mode == OSTREE_REPO_MODE_BARE;
}

// As libostree's _ostree_stbuf_equal().
bool LooksSame(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && (!S_ISREG(a.st_mode) || a.st_size == b.st_size) && a.st_uid == b.st_uid &&
         a.st_gid == b.st_gid;
}

Failure Taken(const std::string& path) {
  return PathFailure("EXISTS", "The destination has something else there already", path);
}

}  // namespace

std::string LabelPath(const CheckoutPlan& plan, const DiskDir& dir) {
  std::vector<const std::string*> names;
  for (auto* at = &dir; at->parent; at = at->parent) names.push_back(&at->name);
  auto path = plan.label_prefix.substr(0, plan.label_prefix.size() - 1);
  for (; !names.empty(); names.pop_back()) path += "/" + *names.back();
  return path;
}

std::vector<FilePlacer::Store> FilePlacer::Stores(OstreeRepo* repo, bool user_mode) {
  std::vector<Store> stores;
  for (; repo; repo = ostree_repo_get_parent(repo)) {
    auto mode = ostree_repo_get_mode(repo);
    bool only_user = mode == OSTREE_REPO_MODE_BARE_USER_ONLY;
    bool no_xattrs = g_key_file_get_boolean(ostree_repo_get_config(repo), "core", "disable-xattrs", nullptr);
    stores.push_back({.repo = repo,
                      .mode = mode,
                      .is_user = only_user || mode == OSTREE_REPO_MODE_BARE_USER,
                      .is_linkable = Linkable(mode, user_mode),
                      .ignores_owner = only_user,
                      .ignores_xattrs = only_user || no_xattrs});
  }
  return stores;
}

FilePlacer::FilePlacer(const CheckoutPlan& plan, OstreeRepo* repo, CheckoutCounts& counts, Tally& tally,
                       GCancellable* cancellable)
    : plan_(plan),
      repo_(repo),
      stores_(Stores(repo, plan.user_mode)),
      may_link_(!plan.force_copy &&
                (plan.require_hardlinks ||
                 std::any_of(stores_.begin(), stores_.end(), [](const Store& s) { return s.is_linkable; }))),
      counts_(counts),
      tally_(tally),
      cancellable_(cancellable) {}

void FilePlacer::Place(int fd, const DiskDir& dir, const std::string& name, const std::string& checksum) {
  Target target{fd, dir, name, checksum};
  try {
    ThrowIfCancelled(cancellable_);
    PlaceChecked(target);
    tally_.ReadFile();
  } catch (Failure& failure) {
    // Where the fault is with the object, the file is what it is about all the same.
    if (!failure.path || failure.checksum) failure.path = ValidUtf8(target.Path());
    throw;
  }
}

void FilePlacer::PlaceChecked(const Target& target) {
  constexpr int all = kFileXattrs | kFileStream;
  auto file = may_link_ ? StoredFile{.info = Probe(target.checksum), .xattrs = {}, .stream = {}}
                        : LoadFile(repo_, target.checksum, all, cancellable_);
  bool is_loaded = !may_link_;
  auto load = [&] {
    if (!is_loaded) file = LoadFile(repo_, target.checksum, all, cancellable_);
    is_loaded = true;
  };
  bool is_link = file.info.is_symlink();
  if (!is_link && plan_.whiteouts && target.name.starts_with(kWhiteout)) return PlaceWhiteout(target);
  if (!is_link && plan_.passthrough_whiteouts && target.name.starts_with(kOverlayWhiteout)) {
    load();
    return PlaceOverlayWhiteout(target, file);
  }

  (is_link ? counts_.symlinks : counts_.files)++;
  bool make_readable = !is_link && plan_.user_mode && !(file.info.mode & S_IRUSR);
  // An empty file is never linked: so many files are empty that their object would run out of links.
  bool must_copy = make_readable || (!is_link && file.info.size == 0);
  auto linked = may_link_ && !must_copy ? Link(target, file.info) : Linked::kNo;
  if (linked == Linked::kNo) {
    load();
    return Copy(target, file, make_readable);
  }
  (linked == Linked::kYes ? counts_.hardlinked : counts_.kept)++;
  if (plan_.devino) NoteLink(target);
}

// Whether it really is a link, where it was kept, is looked up when it matters.
void FilePlacer::NoteLink(const Target& target) {
  struct stat status;
  if (fstatat(target.fd, target.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fstatat", target.Path());
  plan_.devino->Add(status, Checksum::FromHex(target.checksum));
}

// Of the object's file itself where that tells, which is quickest.
FileInfo FilePlacer::Probe(const std::string& checksum) {
  CheckChecksum(checksum);
  for (const auto& store : stores_) {
    if (store.mode != OSTREE_REPO_MODE_BARE && store.mode != OSTREE_REPO_MODE_BARE_USER_ONLY) break;
    struct stat status;
    auto path = LoosePath(store.mode, OSTREE_OBJECT_TYPE_FILE, checksum);
    if (fstatat(ostree_repo_get_dfd(store.repo), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      throw Failure::Errno("fstatat", path);
    }
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
      throw CorruptObject(OSTREE_OBJECT_TYPE_FILE, checksum, "neither a file nor a symlink");
    return {status.st_mode, status.st_uid, status.st_gid, static_cast<uint64_t>(status.st_size), {}};
  }
  return LoadFile(repo_, checksum, kFileInfo, cancellable_).info;
}

FilePlacer::Linked FilePlacer::Link(const Target& target, const FileInfo& info) {
  bool is_made_anew = false;
  for (const auto& store : stores_) {
    // What user modes keep of a link is a file, or a link that belongs to nobody in particular.
    is_made_anew = store.is_user && info.is_symlink();
    if (plan_.require_hardlinks && !store.is_linkable && !is_made_anew)
      throw Failure("NOT_SUPPORTED", store.is_user
                                         ? "User repository mode requires user checkout mode to hardlink"
                                         : "Bare repository mode cannot hardlink in user checkout mode");
    if (!store.is_linkable || is_made_anew) continue;
    auto linked = LinkFrom(store, target);
    if (linked != Linked::kNo) return linked;
  }
  if (plan_.require_hardlinks && !is_made_anew)
    throw Failure("NOT_SUPPORTED", "There is no file of the object " + target.checksum + " to hardlink");
  return Linked::kNo;
}

FilePlacer::Linked FilePlacer::LinkFrom(const Store& store, const Target& target) {
  auto object = LoosePath(store.mode, OSTREE_OBJECT_TYPE_FILE, target.checksum);
  int objects = ostree_repo_get_dfd(store.repo);
  if (linkat(objects, object.c_str(), target.fd, target.name.c_str(), 0) == 0) return Linked::kYes;
  if (errno == ENOENT) return Linked::kNo;
  bool is_optional = errno == EMLINK || errno == EXDEV || errno == EPERM;
  if (is_optional && !plan_.require_hardlinks) return Linked::kNo;
  if (errno != EEXIST) throw Failure::Errno("linkat", target.Path());
  return LinkOverExisting(store, object, target);
}

FilePlacer::Linked FilePlacer::LinkOverExisting(const Store& store, const std::string& object,
                                                const Target& target) {
  if (plan_.overwrite == Overwrite::kNone) throw Taken(target.Path());
  if (plan_.overwrite == Overwrite::kAddFiles) return Linked::kKept;
  int objects = ostree_repo_get_dfd(store.repo);
  struct stat ours, there;
  if (fstatat(objects, object.c_str(), &ours, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fstatat", object);
  if (fstatat(target.fd, target.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fstatat", target.Path());
  bool is_linked = ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
  if (is_linked || (LooksSame(ours, there) && IsSame(store, target, there))) return Linked::kKept;
  if (plan_.overwrite == Overwrite::kUnionIdentical) throw Taken(target.Path());

  auto link = [&](const char* name) { return linkat(objects, object.c_str(), target.fd, name, 0); };
  if (plan_.whiteouts) Remove(target, target.name);
  if (ReplaceName(target.fd, target.name, link, [&] { return target.Path(); })) return Linked::kYes;
  bool is_optional = errno == EMLINK || errno == EXDEV || errno == EPERM;
  if (is_optional && !plan_.require_hardlinks) return Linked::kNo;
  throw Failure::Errno("linkat", target.Path());
}

// ostree_checksum_file_at
bool FilePlacer::IsSame(const Store& store, const Target& target, const struct stat& there) {
  if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) return false;
  int flags = OSTREE_CHECKSUM_FLAGS_NONE;
  if (store.ignores_xattrs) flags |= OSTREE_CHECKSUM_FLAGS_IGNORE_XATTRS;
  if (store.ignores_owner) flags |= OSTREE_CHECKSUM_FLAGS_CANONICAL_PERMISSIONS;
  auto status = there;
  Owned<char> actual;
  Try(ostree_checksum_file_at, target.fd, target.name.c_str(), &status, OSTREE_OBJECT_TYPE_FILE,
      static_cast<OstreeChecksumFlags>(flags), Out(actual), cancellable_);
  return actual.get() == target.checksum;
}

void FilePlacer::Copy(const Target& target, const StoredFile& file, bool make_readable) {
  bool is_new = file.info.is_symlink() ? CopyLink(target, file) : CopyRegular(target, file, make_readable);
  (is_new ? counts_.copied : counts_.kept)++;
}

bool FilePlacer::CopyLink(const Target& target, const StoredFile& file) {
  const auto& info = file.info;
  auto path = [&target] { return target.Path(); };
  CreationLabel label(
      plan_.policy.get(), [&] { return target.LabelPath(plan_); }, info.mode);
  if (symlinkat(info.target.c_str(), target.fd, target.name.c_str()) < 0) {
    if (errno != EEXIST) throw Failure::Errno("symlinkat", path());
    return ReplaceLink(target, file);
  }
  if (plan_.user_mode) return true;
  if (fchownat(target.fd, target.name.c_str(), info.uid, info.gid, AT_SYMLINK_NOFOLLOW) < 0)
    throw Failure::Errno("fchownat", path());
  SetXattrsAt(target.fd, target.name, Kept(file).get(), path);
  return true;
}

// libostree, too, leaves the owner and the attributes of a link that replaces something as they come.
bool FilePlacer::ReplaceLink(const Target& target, const StoredFile& file) {
  const char* link_target = file.info.target.c_str();
  if (plan_.overwrite == Overwrite::kAddFiles) return false;
  if (plan_.overwrite == Overwrite::kUnionIdentical) {
    char there[PATH_MAX];
    ssize_t size = readlinkat(target.fd, target.name.c_str(), there, sizeof there);
    if (size >= 0 && std::string_view(there, static_cast<size_t>(size)) == file.info.target) return false;
  }
  if (plan_.overwrite != Overwrite::kUnionFiles) throw Taken(target.Path());
  if (plan_.whiteouts) Remove(target, target.name);
  auto make = [&](const char* name) { return symlinkat(link_target, target.fd, name); };
  if (!ReplaceName(target.fd, target.name, make, [&target] { return target.Path(); }))
    throw Failure::Errno("symlinkat", target.Path());
  return true;
}

bool FilePlacer::CopyRegular(const Target& target, const StoredFile& file, bool make_readable) {
  auto path = [&target] { return target.Path(); };
  // Before all the work for nothing.
  if (plan_.overwrite == Overwrite::kAddFiles || plan_.overwrite == Overwrite::kUnionIdentical)
    if (IsThere(target)) return false;

  const auto& info = file.info;
  NewFile copy(target.fd, path);
  auto on_bytes = [this](uint64_t bytes) {
    counts_.bytes += bytes;
    tally_.ReadBytes(bytes);
  };
  CopyData(file, target.checksum, copy.fd(), buffer_, on_bytes, path, cancellable_);
  if (!plan_.user_mode) SetOwner(copy.fd(), target, file);
  auto mode = info.mode & 07777;
  if (plan_.user_mode) mode &= ~uint32_t{S_ISUID | S_ISGID};
  if (make_readable) mode |= S_IRUSR;
  if (fchmod(copy.fd(), mode) < 0) throw Failure::Errno("fchmod", path());
  if (plan_.fsync && fsync(copy.fd()) < 0) throw Failure::Errno("fsync", path());

  bool replaces = plan_.overwrite == Overwrite::kUnionFiles && !plan_.whiteouts;
  if (plan_.overwrite == Overwrite::kUnionFiles && plan_.whiteouts) Remove(target, target.name);
  bool keeps = plan_.overwrite == Overwrite::kAddFiles;
  return copy.Link(target.name, replaces ? IfTaken::kReplace : keeps ? IfTaken::kKeep : IfTaken::kFail);
}

void FilePlacer::SetOwner(int fd, const Target& target, const StoredFile& file) {
  auto path = [&target] { return target.Path(); };
  const auto& info = file.info;
  if (fchown(fd, info.uid, info.gid) < 0) throw Failure::Errno("fchown", path());
  // Without the NUL that it has in a commit, as from libostree; the kernel takes both.
  auto* label = plan_.policy ? plan_.policy->Label(target.LabelPath(plan_), info.mode) : nullptr;
  if (label && fsetxattr(fd, "security.selinux", label->data(), label->size(), 0) < 0)
    throw Failure::Errno("setxattr security.selinux", path());
  SetXattrs(fd, Kept(file).get(), path);
}

Xattrs FilePlacer::Kept(const StoredFile& file) const {
  return plan_.drops_stored_labels ? WithoutLabel(file.xattrs) : file.xattrs;
}

// Of a single file that is checked out, libostree looks up the prefix.
std::string FilePlacer::Target::LabelPath(const CheckoutPlan& plan) const {
  return plan.source.checksum.empty() ? ostree::LabelPath(plan, dir) + "/" + name : plan.label_prefix;
}

// With kUnionIdentical, fails unless what is there is the same.
bool FilePlacer::IsThere(const Target& target) {
  struct stat there;
  if (fstatat(target.fd, target.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return false;
    throw Failure::Errno("fstatat", target.Path());
  }
  if (plan_.overwrite == Overwrite::kAddFiles || IsSame(stores_.front(), target, there)) return true;
  throw Taken(target.Path());
}

void FilePlacer::Remove(const Target& target, const std::string& name) {
  RemoveTree(
      target.fd, name, [&] { return target.dir.Path(name); }, cancellable_);
}

}  // namespace ostree
