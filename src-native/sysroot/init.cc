#include "init.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "sysroot.h"

namespace ostree {
namespace {

void MakeDirectory(int root, const char* name, mode_t mode) {
  if (mkdirat(root, name, mode) < 0 && errno != EEXIST) throw Failure::Errno("mkdir", name);
}

// What `ostree admin init-fs --epoch` makes before libostree adds its own.
void MakeTopLevel(const std::string& path, int epoch) {
  if (g_mkdir_with_parents(path.c_str(), 0755) < 0) throw Failure::Errno("mkdir", path);
  Fd root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) throw Failure::Errno("open", path);
  MakeDirectory(root.get(), "boot", 0755);
  if (epoch == 2) MakeDirectory(root.get(), "ostree", 0700);
  if (epoch != 0) return;
  for (const char* name : {"dev", "home", "proc", "run", "sys"}) MakeDirectory(root.get(), name, 0755);
  MakeDirectory(root.get(), "root", 0700);
  MakeDirectory(root.get(), "tmp", 01777);
  // The umask took some of it away.
  if (fchmodat(root.get(), "tmp", 01777, 0) < 0) throw Failure::Errno("chmod", path + "/tmp");
}

}  // namespace

// ostree_sysroot_ensure_initialized
Napi::Value SysrootInit(const Napi::CallbackInfo& info) {
  Args args(info);
  auto path = args.Next<std::string>("path");
  auto epoch = args.Next<int>("epoch");
  return Async(args, OwnThread(), [path, epoch](Job& job) {
    MakeTopLevel(path, epoch);
    auto file = Shared<GFile>::Take(g_file_new_for_path(path.c_str()));
    auto sysroot = Shared<OstreeSysroot>::Take(ostree_sysroot_new(file.get()));
    Try(ostree_sysroot_ensure_initialized, sysroot.get(), job.cancellable());
  });
}

// ostree_sysroot_init_osname
Napi::Value SysrootInitStateroot(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto name = args.Next<std::string>("name");
  return Async(args, sysroot->Work(), [sysroot, name](Job& job) {
    Try(ostree_sysroot_init_osname, sysroot->get(), name.c_str(), job.cancellable());
  });
}

}  // namespace ostree
