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

// It is the name of a directory, and libostree puts it on the stack.
void CheckStateroot(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 128 || name.find('/') != name.npos)
    throw Failure("INVALID_ARGUMENT", "The name of a stateroot must have 1 to 128 bytes, none of them '/'");
}

}  // namespace

std::string ChooseStateroot(const Sysroot& sysroot, const std::optional<std::string>& asked) {
  auto* booted = ostree_sysroot_get_booted_deployment(sysroot.get());
  if (!asked && !booted)
    throw Failure("NOT_BOOTED", "The sysroot " + sysroot.path() + " is not booted: name a stateroot");
  std::string stateroot = asked ? *asked : ostree_deployment_get_osname(booted);
  CheckStateroot(stateroot);
  auto directory = "ostree/deploy/" + stateroot + "/var";
  if (faccessat(ostree_sysroot_get_fd(sysroot.get()), directory.c_str(), F_OK, 0) < 0)
    throw Failure("NOT_FOUND", "There is no stateroot '" + stateroot + "' in the sysroot " + sysroot.path() +
                                   ": initStateroot() makes one");
  return stateroot;
}

// ostree_sysroot_ensure_initialized
Napi::Value SysrootInit(const Napi::CallbackInfo& info) {
  Args args(info);
  auto path = AbsolutePath(args);
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
    CheckStateroot(name);
    Try(ostree_sysroot_init_osname, sysroot->get(), name.c_str(), job.cancellable());
  });
}

}  // namespace ostree
