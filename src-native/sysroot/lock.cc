#include "lock.h"

#include <sys/stat.h>

#include <map>
#include <mutex>

#include "sysroot.h"

namespace ostree {
namespace {

struct Held {
  std::mutex mutex;
  std::map<const OstreeSysroot*, std::pair<dev_t, ino_t>> locks;  // the directory each of them locked
};

// Never destroyed, as all state that a thread may reach while the process exits.
Held& TheHeld() {
  static auto* held = std::make_unique<Held>().release();
  return *held;
}

std::pair<dev_t, ino_t> DirectoryOf(OstreeSysroot* sysroot) {
  struct stat st;
  if (fstat(ostree_sysroot_get_fd(sysroot), &st) < 0) throw Failure::Errno("fstat", "sysroot");
  return {st.st_dev, st.st_ino};
}

void Remember(OstreeSysroot* sysroot) {
  auto directory = DirectoryOf(sysroot);
  std::lock_guard lock(TheHeld().mutex);
  TheHeld().locks[sysroot] = directory;
}

bool HeldByThisProcess(OstreeSysroot* sysroot) {
  auto directory = DirectoryOf(sysroot);
  std::lock_guard lock(TheHeld().mutex);
  for (const auto& [holder, locked] : TheHeld().locks)
    if (locked == directory) return true;
  return false;
}

struct LockAttempt {
  bool acquired = false;
  std::string holder;  // of the lock that was not to be had

  void Fields(auto&& field) {
    field("acquired", acquired);
    field("holder", holder);
  }
};

}  // namespace

void HeldLocks::Forget(const OstreeSysroot* sysroot) {
  std::lock_guard lock(TheHeld().mutex);
  TheHeld().locks.erase(sysroot);
}

// ostree_sysroot_try_lock
Napi::Value SysrootTryLock(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job&) {
    gboolean acquired = FALSE;
    Try(ostree_sysroot_try_lock, sysroot->get(), &acquired);
    if (acquired) Remember(sysroot->get());
    bool ours = !acquired && HeldByThisProcess(sysroot->get());
    return LockAttempt{acquired != FALSE, ours ? "this-process" : "other-process"};
  });
}

// ostree_sysroot_unlock
Napi::Value SysrootUnlock(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  return Async(args, sysroot->Work(), [sysroot](Job&) {
    HeldLocks::Forget(sysroot->get());
    ostree_sysroot_unlock(sysroot->get());
  });
}

}  // namespace ostree
