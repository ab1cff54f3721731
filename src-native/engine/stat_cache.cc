#include "engine/stat_cache.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/failure.h"
#include "core/hash.h"
#include "engine/loose.h"
#include "engine/sepolicy.h"

namespace ostree {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// Those whose inode numbers and times are known to tell of every change. Not among them: what is on another
// machine, FUSE, and overlays, where a file below may change unseen.
bool IsTrusted(const struct statfs& file_system, bool keeps_xattrs) {
  switch (static_cast<uint32_t>(file_system.f_type)) {
    case 0x0000ef53:  // ext2, ext3, ext4
    case 0x58465342:  // xfs
    case 0x9123683e:  // btrfs
      return true;
    case 0x01021994:  // tmpfs
    case 0xf2f52010:  // f2fs
      // Older kernels do not stamp a file when one of its attributes is set.
      return !keeps_xattrs;
    default:
      return false;
  }
}

// Extended attributes and owners are not the same for everybody.
std::vector<uint64_t> Viewer() {
  std::vector<uint64_t> viewer = {geteuid()};
  struct stat user_namespace;
  if (stat("/proc/self/ns/user", &user_namespace) == 0) viewer.push_back(user_namespace.st_ino);
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  syscall(SYS_capget, &header, sets);
  for (const auto& set : sets) viewer.push_back(set.effective);
  return viewer;
}

// All but the files themselves that their objects depend on.
Checksum KeyOf(const CommitPlan& plan, OstreeRepo* repo, bool keeps_xattrs) {
  std::vector<std::string> parts;
  auto add = [&parts](const std::string& part) { parts.push_back(part); };
  add(std::to_string(ostree_repo_get_mode(repo)));
  add(plan.uid ? std::to_string(*plan.uid) : "");
  add(plan.gid ? std::to_string(*plan.gid) : "");
  add(plan.canonical_permissions ? "canonical" : "");
  add(plan.read_only_executables ? "read-only" : "");
  add(keeps_xattrs ? "xattrs" : "");
  if (plan.policy) add(SortsLabels(repo) ? "sorted labels" : "labels");
  for (auto part : Viewer()) add(std::to_string(part));
  // So that each set of directories has a file of its own.
  for (const auto& source : plan.sources)
    if (auto* dir = std::get_if<DirSource>(&source.from)) add(dir->path);

  Sha256 sha;
  for (const auto& part : parts) sha.Update(part.c_str(), part.size() + 1);
  return Checksum::FromHex(sha.Hex());
}

// libostree leaves this directory alone when it tidies tmp/, and removes nothing from it.
std::string DefaultDir(OstreeRepo* repo) {
  Owned<char> root(g_file_get_path(ostree_repo_get_path(repo)));
  auto dir = std::string(root.get()) + "/tmp/cache/commit";
  return g_mkdir_with_parents(dir.c_str(), 0755) == 0 ? dir : "";
}

// No file's name has a slash: that of one with a label is another for each label it has had.
std::string KeyOf(const std::string& name, const std::string* label) {
  return label ? name + "/" + *label : name;
}

bool HasLooseFiles(OstreeRepoMode mode) {
  return mode == OSTREE_REPO_MODE_ARCHIVE || mode == OSTREE_REPO_MODE_BARE ||
         mode == OSTREE_REPO_MODE_BARE_USER || mode == OSTREE_REPO_MODE_BARE_USER_ONLY;
}

}  // namespace

StatCache::StatCache(const CommitPlan& plan, OstreeRepo* repo, bool keeps_xattrs, GCancellable* cancellable)
    : repo_(repo), keeps_xattrs_(keeps_xattrs), reading_(cancellable) {
  if (!plan.cache || !HasLooseFiles(ostree_repo_get_mode(repo))) return;
  key_ = KeyOf(plan, repo, keeps_xattrs);
  path_ = *plan.cache;
  if (path_.empty()) {
    dir_ = DefaultDir(repo);
    if (dir_.empty()) return;
    path_ = dir_ + "/" + key_.Hex() + ".stat";
  }
  started_ = Now();
  reading_.Run([this, cancellable] {
    known_ = ReadStatCache(path_, key_);
    for (const auto& [dir, files] : known_) known_count_ += files.size();
    objects_.List(repo_, known_count_, cancellable);
    is_read_ = true;
  });
}

bool StatCache::IsLocal(const DiskDir& disk, int fd) {
  auto [found, is_new] = is_local_.try_emplace(disk.device, false);
  struct statfs file_system;
  if (is_new) found->second = fstatfs(fd, &file_system) == 0 && IsTrusted(file_system, keeps_xattrs_);
  return found->second;
}

// A change within the tick of the clock that a file is stamped with leaves no trace. A ctime of whole seconds
// is that of a file system that knows no others, or of an image that was made with a fixed time for
// everything.
bool StatCache::IsSettled(const StatEntry& entry) const {
  return entry.ctime % kSecond != 0 && std::max(entry.mtime, entry.ctime) < started_;
}

// In this repository: libostree's writer does not look into its parent either. The transaction's lock keeps
// it here, so that what was listed under it is there still.
bool StatCache::IsThere(const Checksum& sum) const {
  return objects_.Has(sum) || HasLoose(repo_, OSTREE_OBJECT_TYPE_FILE, sum.Hex());
}

StatCache::Dir& StatCache::In(const DiskDir& disk, int fd) {
  std::lock_guard lock(mutex_);
  auto [found, is_new] = dirs_.try_emplace(&disk);
  auto& dir = found->second;
  if (!is_new) return dir;
  dir.disk = &disk;
  dir.is_usable = IsLocal(disk, fd);
  auto entries = known_.find(disk.Path());
  if (dir.is_usable && entries != known_.end()) dir.known = &entries->second;
  return dir;
}

std::optional<Checksum> StatCache::Find(Dir& dir, int fd, const std::string& name, const std::string* label) {
  if (!dir.known) return {};
  auto is_before = [](const StatEntry& entry, const std::string& other) { return entry.name < other; };
  auto key = KeyOf(name, label);
  auto entry = std::lower_bound(dir.known->begin(), dir.known->end(), key, is_before);
  if (entry == dir.known->end() || entry->name != key) return {};
  struct stat status;
  if (fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return {};
  auto now = StatEntry::Of(key, status, entry->checksum);
  bool is_file = S_ISREG(status.st_mode) || S_ISLNK(status.st_mode);
  if (!is_file || status.st_dev != dir.disk->device || !now.IsSameFile(*entry) || !IsThere(entry->checksum))
    return {};
  std::lock_guard lock(dir.mutex);
  dir.hits.push_back(&*entry);
  return entry->checksum;
}

void StatCache::Remember(Dir& dir, const std::string& name, const struct stat& status, const Checksum& sum,
                         const std::string* label) {
  auto entry = StatEntry::Of(KeyOf(name, label), status, sum);
  if (!dir.is_usable || !IsSettled(entry) || status.st_dev != dir.disk->device) return;
  std::lock_guard lock(dir.mutex);
  dir.read.push_back(std::move(entry));
}

void StatCache::Save() {
  if (!is_used()) return;
  size_t hits = 0, read = 0;
  for (auto& [disk, dir] : dirs_) {
    hits += dir.hits.size();
    read += dir.read.size();
  }
  // Every entry was of use, and there are no others.
  if (hits == known_count_ && read == 0) return;
  StatEntryPointers entries;
  for (auto& [disk, dir] : dirs_) {
    if (dir.hits.empty() && dir.read.empty()) continue;
    auto& all = entries[disk->Path()];
    all = std::move(dir.hits);
    for (const auto& entry : dir.read) all.push_back(&entry);
    std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->name < b->name; });
  }
  try {
    WriteStatCache(path_, key_, entries);
  } catch (const Failure&) {
    g_debug("No stat cache was written to %s", path_.c_str());
  }
  if (!dir_.empty()) RemoveOldStatCaches(dir_);
}

}  // namespace ostree
