#include "sysroot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/entries.h"
#include "core/pause.h"
#include "core/thread.h"
#include "deployment.h"
#include "lock.h"

namespace ostree {
namespace {

constexpr const char* kDeployments = "ostree/deploy";

bool operator==(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

timespec DeploymentsTime(int root) {
  struct stat st;
  if (fstatat(root, kDeployments, &st, 0) < 0) throw Failure::Errno("fstatat", kDeployments);
  return st.st_mtim;
}

// libostree loads again only when this time has changed since. Two changes
// within one tick of the file system's clock (a second on some) would leave it
// with an old boot version, which it would go on to clean up as if unused.
// Set back, the time always differs from that of the change to come.
void SetBackDeploymentsTime(int root) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  timespec time = DeploymentsTime(root);
  if (std::abs(now.tv_sec - time.tv_sec) > 2) return;
  timespec times[] = {{0, UTIME_OMIT}, {time.tv_sec - 3, time.tv_nsec}};
  if (utimensat(root, kDeployments, times, 0) < 0) throw Failure::Errno("utimensat", kDeployments);
}

bool IsDigits(const char* text, const char* digits) { return *text && text[strspn(text, digits)] == '\0'; }

// CHECKSUM.SERIAL as libostree reads it, which takes any length of either and
// then aborts where it was not what it writes itself.
void CheckDeploymentName(const std::string& name, const std::string& directory) {
  auto dot = name.find('.');
  if (dot == name.npos || !IsDigits(name.substr(0, dot).c_str(), "0123456789abcdef")) return;
  const char* serial = name.c_str() + dot + 1;
  if (!IsDigits(serial, "0123456789")) return;
  if (dot == 64 && strlen(serial) < 10) return;
  Failure failure("CORRUPT", "'" + name + "' in " + directory + " is not the name of a deployment");
  failure.path = directory + "/" + name;
  throw failure;
}

template <class Fn>
void ForEachName(int root, const std::string& path, Fn fn) {
  Fd fd(openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return;  // none there, or none of ours
  auto each = [&fn](const char* name, unsigned char) {
    if (name[0] != '.') fn(std::string(name));
  };
  if (!ReadEntries(fd.get(), each)) throw Failure::Errno("getdents64", path);
}

void CheckDeploymentNames(int root) {
  ForEachName(root, kDeployments, [root](const std::string& stateroot) {
    auto directory = std::string(kDeployments) + "/" + stateroot + "/deploy";
    ForEachName(root, directory, [&](const std::string& name) { CheckDeploymentName(name, directory); });
  });
}

// A physical sysroot's remotes are in its repository's config, those of one
// seen from inside a deployment in its /etc; libostree tells them apart so.
bool IsPhysical(int root) { return faccessat(root, "sysroot", F_OK, 0) < 0; }

// Handles for every thread: the descriptor carries the mount that this thread may write to.
Repo::Opener RepoOpener(OstreeSysroot* sysroot) {
  auto root = std::make_shared<Fd>(fcntl(ostree_sysroot_get_fd(sysroot), F_DUPFD_CLOEXEC, 0));
  if (!*root) throw Failure::Errno("fcntl", "sysroot");
  bool by_descriptor = ostree_sysroot_get_booted_deployment(sysroot) || IsPhysical(root->get());
  return [root, by_descriptor](GCancellable* cancellable) {
    if (by_descriptor)
      return Shared<OstreeRepo>::Take(Try(ostree_repo_open_at, root->get(), "ostree/repo", cancellable));
    auto path = "/proc/self/fd/" + std::to_string(root->get());
    auto sysroot_path = Shared<GFile>::Take(g_file_new_for_path(path.c_str()));
    auto repo_path = Shared<GFile>::Take(g_file_resolve_relative_path(sysroot_path.get(), "ostree/repo"));
    auto repo =
        Shared<OstreeRepo>::Take(ostree_repo_new_for_sysroot_path(repo_path.get(), sysroot_path.get()));
    Try(ostree_repo_open, repo.get(), cancellable);
    return repo;
  };
}

// libostree thaws what it froze after that time at the latest.
constexpr auto kFrozen = std::chrono::seconds(30);

// Taking the lock makes a booted system's read-only /sysroot writable, in the
// mount namespace of this thread. Done before anything is opened beneath it. A
// medium that cannot be written can still be read. One that is frozen, as
// whoever writes deployments does to it for a moment, is only busy.
void MakeWritable(OstreeSysroot* sysroot, GCancellable* cancellable) {
  auto deadline = std::chrono::steady_clock::now() + kFrozen;
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    try {
      gboolean acquired = FALSE;
      Try(ostree_sysroot_try_lock, sysroot, &acquired);
      return ostree_sysroot_unlock(sysroot);
    } catch (const Failure& failure) {
      if (!failure.Is("LOCKED") || std::chrono::steady_clock::now() >= deadline) return;
    }
    Pause(pause, cancellable);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

void Initialize(OstreeSysroot* sysroot, GCancellable* cancellable) {
  Try(ostree_sysroot_initialize, sysroot);
  if (!ostree_sysroot_is_booted(sysroot) || getuid() != 0) return;
  StartThreadsElsewhere();
  Try(ostree_sysroot_initialize_with_mount_namespace, sysroot, cancellable);
  MakeWritable(sysroot, cancellable);
}

}  // namespace

struct Sysroot::State {
  Shared<OstreeSysroot> sysroot;
  timespec loaded = {};
  std::optional<Failure> broken;  // why the last load failed

  State() = default;
  State(const State&) = delete;
  ~State() { HeldLocks::Forget(sysroot.get()); }
};

Sysroot::Sysroot(std::string path)
    : path_(std::move(path)),
      thread_(std::make_shared<DedicatedThread>("ostree-sysroot")),
      state_(std::make_shared<State>()) {
  thread_->Own(state_);
}

std::shared_ptr<Executor> Sysroot::Change(const std::string& what) const {
  return repo_->gate()->Pass(Gate::Kind::kExclusive, what, thread_);
}

OstreeSysroot* Sysroot::get() const {
  if (!state_->sysroot) throw Failure("CLOSED", "Sysroot " + path_ + " is closed");
  return state_->sysroot.get();
}

void Sysroot::Open(GCancellable* cancellable) {
  // libostree prints what a clean-up freed, and standard output is not ours.
  static std::once_flag once;
  std::call_once(once, [] { g_set_print_handler([](const char*) {}); });

  auto file = Shared<GFile>::Take(g_file_new_for_path(path_.c_str()));
  state_->sysroot = Shared<OstreeSysroot>::Take(ostree_sysroot_new(file.get()));
  try {
    Initialize(get(), cancellable);
    Load(cancellable);
    RepoSpec spec;
    spec.path = path_ == "/" ? "/ostree/repo" : path_ + "/ostree/repo";
    repo_ = std::make_shared<Repo>(spec, cancellable, RepoOpener(get()));
  } catch (Failure& failure) {
    state_->sysroot.reset();
    if (failure.Is("NOT_FOUND")) failure.message += "; Sysroot.init() makes a sysroot";
    failure.path = path_;
    throw;
  }
}

void Sysroot::Close() {
  HeldLocks::Forget(state_->sysroot.get());
  state_->sysroot.reset();
  if (repo_) repo_->Close();
  thread_->End();
}

OstreeSysroot* Sysroot::Load(GCancellable* cancellable) {
  auto* sysroot = get();
  int root = ostree_sysroot_get_fd(sysroot);
  auto time = DeploymentsTime(root);
  // After a load that failed libostree has no list at all, but would not load again at a time it knows.
  if (state_->broken && time == state_->loaded) throw Failure(*state_->broken);
  CheckDeploymentNames(root);
  try {
    gboolean changed = FALSE;
    Try(ostree_sysroot_load_if_changed, sysroot, &changed, cancellable);
  } catch (const Failure& failure) {
    state_->broken = failure;
    throw;
  }
  state_->broken.reset();
  state_->loaded = time;
  return sysroot;
}

OstreeSysroot* Sysroot::LoadForChange(GCancellable* cancellable) {
  SetBackDeploymentsTime(ostree_sysroot_get_fd(get()));
  auto* sysroot = Load(cancellable);
  // Its config names the boot loader, and may have changed through another handle.
  Try(ostree_repo_reload_config, repo_handle(), cancellable);
  repo_->CheckConfig(ostree_repo_get_config(repo_handle()));
  return sysroot;
}

namespace {

struct OpenedSysroot {
  std::shared_ptr<Sysroot> handle;
  OpenedRepo repo;
  Snapshot deployments;
  void Fields(auto&& field) {
    field("handle", handle);
    field("repo", repo);
    field("deployments", deployments);
  }
};

}  // namespace

std::string AbsolutePath(Args& args) {
  auto path = args.Next<std::string>("path");
  if (!path.starts_with('/')) throw ArgValueError(args.Env(), "path must be absolute");
  return path;
}

// ostree_sysroot_new, ostree_sysroot_initialize_with_mount_namespace, ostree_sysroot_load_if_changed
Napi::Value SysrootOpen(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = std::make_shared<Sysroot>(AbsolutePath(args));
  return Async(args, sysroot->Work(), [sysroot](Job& job) {
    sysroot->Open(job.cancellable());
    return OpenedSysroot{sysroot, {sysroot->repo(), sysroot->repo()->Info()}, TakeSnapshot(*sysroot)};
  });
}

// ostree_sysroot_load_if_changed
Napi::Value SysrootReload(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job& job) {
    sysroot->Load(job.cancellable());
    return TakeSnapshot(*sysroot);
  });
}

// The last reference to the OstreeSysroot: its lock and its descriptors go.
Napi::Value SysrootClose(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job&) { sysroot->Close(); });
}

}  // namespace ostree
