#include "engine/checkout.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "engine/checkout_work.h"
#include "engine/load_metadata.h"
#include "engine/metadata_cache.h"
#include "engine/names.h"
#include "engine/remove_tree.h"
#include "engine/sepolicy.h"
#include "engine/set_xattrs.h"

namespace ostree {
namespace {

// So many files of one directory are one piece of work.
constexpr size_t kChunk = 512;
// What one thread has open beside the directories on its way: an object, a new file, and some room.
constexpr size_t kDescriptorsBeside = 6;
constexpr size_t kDescriptorsKept = 64;  // for all else in the process
constexpr size_t kMostDirectories = 32;
constexpr auto kSlice = std::chrono::milliseconds(100);
constexpr const char* kOpaqueWhiteout = ".wh..wh..opq";

Means MeansFor(unsigned concurrency) {
  size_t threads = TaskGroup::Threads();
  if (concurrency) threads = std::min<size_t>(threads, concurrency);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
    return {threads, kMostDirectories};
  size_t limit = files.rlim_cur;
  // Half of what there is: others work, too.
  size_t free = limit > kDescriptorsKept ? (limit - kDescriptorsKept) / 2 : 0;
  threads = std::clamp<size_t>(free / (kDescriptorsBeside + 2), 1, threads);
  size_t each = free / threads;
  size_t directories = each > kDescriptorsBeside ? each - kDescriptorsBeside : 0;
  return {threads, std::clamp<size_t>(directories, 2, kMostDirectories)};
}

}  // namespace

CheckoutStats Checkout::Run() {
  struct stat status;
  if (fstat(ostree_repo_get_dfd(repo_), &status) < 0) throw Failure::Errno("fstat", "repository");
  repo_device_ = status.st_dev;
  tally_.SetPhase("files");
  if (plan_.source.checksum.empty())
    CheckOutTree();
  else
    CheckOutFile();
  return counts_.Stats();
}

// For whatever reason, libostree makes a directory for the file.
void Checkout::CheckOutFile() {
  const auto& destination = plan_.destination;
  if (mkdir(destination.c_str(), 0700) < 0 && errno != EEXIST) throw Failure::Errno("mkdir", destination);
  Fd fd(open(destination.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Failure::Errno("open", destination);
  DiskDir dir{.parent = nullptr, .name = destination, .depth = 0, .root = {}};
  tally_.Found(1);
  FilePlacer placer(plan_, repo_, counts_, tally_, cancellable_);
  placer.Place(fd.get(), dir, plan_.source.name, plan_.source.checksum);
}

void Checkout::CheckOutTree() {
  means_ = MeansFor(plan_.concurrency);
  const auto& source = plan_.source;
  auto& root = AddDir(nullptr, plan_.destination, source.contents, source.metadata);
  root.old_contents = plan_.from.contents;
  root.old_metadata = plan_.from.metadata;
  Push({{.dir = &root}});
  // One more than work at a time, so that Run() does not wait for one that is just ending.
  TaskGroup tasks(cancellable_, means_.threads + 1);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return working_ == 0 || (!steps_.empty() && working_ < means_.threads); });
      if (steps_.empty() || tasks.stopped()) break;
      working_++;
    }
    // Counted down when the task is gone, whether it has run or not.
    std::shared_ptr<void> place(nullptr, [this](void*) {
      std::lock_guard lock(mutex_);
      working_--;
      changed_.notify_all();
    });
    tasks.Run([this, &tasks, place] { Work(tasks); });
  }
  tasks.Wait();
}

// Until there is nothing to do, or for a while: then this task ends, and leaves its thread to the work of
// others.
void Checkout::Work(const TaskGroup& tasks) {
  auto tools = TakeTools();
  auto until = std::chrono::steady_clock::now() + kSlice;
  std::optional<Step> next;
  while (!tasks.stopped()) {
    auto step = next ? next : Pop();
    if (!step) break;
    next = Do(*tools, *step);
    if (std::chrono::steady_clock::now() < until) continue;
    if (next) Push({*next});
    break;
  }
  std::lock_guard lock(mutex_);
  tools_.push_back(std::move(tools));
}

// Those given back last, whose directories are open.
std::unique_ptr<Checkout::Tools> Checkout::TakeTools() {
  std::lock_guard lock(mutex_);
  if (tools_.empty()) return std::make_unique<Tools>(*this, counts_, tally_, means_.directories);
  auto tools = std::move(tools_.back());
  tools_.pop_back();
  return tools;
}

std::optional<Checkout::Step> Checkout::Do(Tools& tools, const Step& step) {
  std::optional<Step> next;
  try {
    if (step.end == 0)
      next = Enter(tools, *step.dir);
    else
      PlaceFiles(tools, *step.dir, step.begin, step.end);
    Done(tools, step.dir);
  } catch (Failure& failure) {
    if (!failure.path) failure.path = ValidUtf8(step.dir->disk.Path());
    throw;
  }
  return next;
}

std::optional<Checkout::Step> Checkout::Pop() {
  std::lock_guard lock(mutex_);
  if (steps_.empty()) return {};
  auto step = steps_.back();
  steps_.pop_back();
  return step;
}

void Checkout::Push(const std::vector<Step>& steps) {
  if (steps.empty()) return;
  std::lock_guard lock(mutex_);
  steps_.insert(steps_.end(), steps.begin(), steps.end());
  changed_.notify_all();
}

CheckoutDir& Checkout::AddDir(CheckoutDir* parent, std::string_view name, std::string contents,
                              std::string metadata) {
  std::lock_guard lock(mutex_);
  auto& dir = dirs_.emplace_back();
  dir.parent = parent;
  dir.disk.parent = parent ? &parent->disk : nullptr;
  dir.disk.name = name;
  dir.disk.depth = parent ? parent->disk.depth + 1 : 0;
  dir.contents = std::move(contents);
  dir.metadata = std::move(metadata);
  return dir;
}

std::optional<Checkout::Step> Checkout::Enter(Tools& tools, CheckoutDir& dir) {
  dir.skipped = Skips(dir);
  if (dir.skipped) return {};
  CheckNoCycle(dir);
  if (dir.contents.empty()) return EnterRemoval(tools, dir);
  auto now = Load(dir.contents);
  Shared<GVariant> xattrs;
  LoadDirMeta(dir, xattrs);
  auto hides_all = [](const auto& file) { return file.name == kOpaqueWhiteout; };
  bool is_opaque = plan_.whiteouts && std::ranges::any_of(now.entries.files, hides_all);
  xattrs = Kept(xattrs);
  Make(tools, dir, is_opaque, xattrs);
  counts_.directories++;
  if (dir.existed && !dir.old_contents.empty()) {
    UpdateXattrs(tools, dir, xattrs);
    return EnterUpdate(tools, dir, std::move(now));
  }
  dir.tree = std::move(now);
  size_t files = dir.tree.entries.files.size();
  tally_.Found(files);

  std::vector<Step> steps;
  const auto& dirs = dir.tree.entries.dirs;
  for (auto child = dirs.rbegin(); child != dirs.rend(); ++child) {
    auto& added = AddDir(&dir, child->name, child->contents.Hex(), child->metadata.Hex());
    steps.push_back({.dir = &added});
  }
  // A whiteout removes what files before it, and not what directories after it, have put there.
  size_t done = plan_.whiteouts ? files : std::min(files, kChunk);
  for (size_t begin = done; begin < files; begin += kChunk)
    steps.push_back({.dir = &dir, .begin = begin, .end = std::min(begin + kChunk, files)});
  dir.open += steps.size();
  std::optional<Step> next;
  if (!plan_.whiteouts) next = PushAllButFirst(steps);
  PlaceFiles(tools, dir, 0, done);
  if (plan_.whiteouts) next = PushAllButFirst(steps);
  return next;
}

// The first is for this thread, which has the way to it open.
std::optional<Checkout::Step> Checkout::PushAllButFirst(std::vector<Step> steps) {
  if (steps.empty()) return {};
  auto first = steps.back();
  steps.pop_back();
  Push(steps);
  return first;
}

LoadedDirTree Checkout::Load(const std::string& dirtree) const {
  return LoadDirTreeView(repo_, dirtree, cancellable_);
}

void Checkout::LoadDirMeta(CheckoutDir& dir, Shared<GVariant>& xattrs) {
  auto dirmeta = LoadMetadataCached(repo_, OSTREE_OBJECT_TYPE_DIR_META, dir.metadata, cancellable_);
  g_variant_get(dirmeta.get(), "(uuu@a(ayay))", &dir.uid, &dir.gid, &dir.mode,
                static_cast<GVariant**>(Out(xattrs)));
  dir.uid = GUINT32_FROM_BE(dir.uid);
  dir.gid = GUINT32_FROM_BE(dir.gid);
  dir.mode = GUINT32_FROM_BE(dir.mode);
}

// Which only a damaged tree has: a checksum covers those below it.
void Checkout::CheckNoCycle(const CheckoutDir& dir) {
  for (auto* above = dir.parent; above; above = above->parent) {
    bool is_same = !dir.contents.empty() && above->contents == dir.contents;
    bool was_same = !dir.old_contents.empty() && above->old_contents == dir.old_contents;
    if (is_same || was_same)
      throw CorruptObject(OSTREE_OBJECT_TYPE_DIR_TREE, is_same ? dir.contents : dir.old_contents,
                          "it contains itself");
  }
}

// Open to nobody else until it is finished.
void Checkout::Make(Tools& tools, CheckoutDir& dir, bool is_opaque, const Xattrs& xattrs) {
  auto path = [&dir] { return dir.disk.Path(); };
  int parent = dir.parent ? tools.opener.Open(dir.parent->disk) : AT_FDCWD;
  const auto* name = dir.disk.name.c_str();
  if (is_opaque) RemoveTree(parent, dir.disk.name, path, cancellable_);
  {
    CreationLabel label(
        plan_.policy.get(), [&] { return LabelPath(plan_, dir.disk) + "/"; }, dir.mode);
    dir.existed = mkdirat(parent, name, 0700) < 0;
    if (dir.existed && (errno != EEXIST || plan_.overwrite == Overwrite::kNone))
      throw Failure::Errno("mkdirat", path());
  }
  if (!dir.parent) {
    // The destination may be a link to where it is; nothing below it may.
    dir.disk.root = Fd(open(name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
    if (!dir.disk.root) throw Failure::Errno("open", path());
  }
  int fd = tools.opener.Open(dir.disk);
  struct stat status;
  if (fstat(fd, &status) < 0) throw Failure::Errno("fstat", path());
  dir.disk.device = status.st_dev;
  dir.disk.inode = status.st_ino;
  if (plan_.require_hardlinks && status.st_dev != repo_device_)
    throw PathFailure("NOT_SUPPORTED", "The destination is on another file system than the repository",
                      path());
  if (!dir.existed && !plan_.user_mode) SetXattrs(fd, xattrs.get(), path);
}

void Checkout::PlaceFiles(Tools& tools, CheckoutDir& dir, size_t begin, size_t end) {
  if (begin == end) return;
  int fd = tools.opener.Open(dir.disk);
  for (size_t i = begin; i < end; i++) {
    const auto& [name, checksum] = dir.tree.entries.files[i];
    if (!Skips(dir, name)) tools.placer.Place(fd, dir.disk, std::string(name), checksum.Hex());
  }
}

void Checkout::Done(Tools& tools, CheckoutDir* dir) {
  for (; dir && --dir->open == 0; dir = dir->parent) {
    dir->tree = {};
    Finish(tools, *dir);
  }
}

// The time of a directory is always the same, unless what is in it is a copy or it was there before.
void Checkout::Finish(Tools& tools, CheckoutDir& dir) {
  if (dir.contents.empty()) return FinishRemoval(tools, dir);
  bool is_ours = !dir.existed || dir.updated;
  if (dir.skipped || (!is_ours && !plan_.fsync)) return;
  auto path = [&dir] { return dir.disk.Path(); };
  int fd = tools.opener.Open(dir.disk);
  if (is_ours) {
    auto mode = dir.mode & (canonical_dirs_ ? 0775 : 07777);
    if (fchmod(fd, mode) < 0) throw Failure::Errno("fchmod", path());
    if (!plan_.user_mode && fchown(fd, dir.uid, dir.gid) < 0) throw Failure::Errno("fchown", path());
    const struct timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = 0, .tv_nsec = 0}};
    if (!plan_.force_copy && futimens(fd, times) < 0) throw Failure::Errno("futimens", path());
  }
  if (plan_.fsync && fsync(fd) < 0) throw Failure::Errno("fsync", path());
}

// With a policy, a label of the commit is not for here.
Xattrs Checkout::Kept(const Xattrs& xattrs) const {
  return plan_.drops_stored_labels ? WithoutLabel(xattrs) : xattrs;
}

bool Checkout::Skips(const CheckoutDir& dir, std::string_view file) const {
  if (skips_.empty()) return false;
  std::vector<std::string_view> names;
  if (!file.empty()) names.push_back(file);
  for (auto* at = &dir; at->parent; at = at->parent) names.push_back(at->disk.name);
  std::string path;
  for (; !names.empty(); names.pop_back()) path.append("/").append(names.back());
  return skips_.Has(path.empty() ? "/" : path);
}

CheckoutStats RunCheckout(const CheckoutPlan& plan, OstreeRepo* repo, GCancellable* cancellable,
                          const ReportProgress& report) {
  return Checkout(plan, repo, cancellable, report).Run();
}

}  // namespace ostree
