#include "sync.h"

#include <fcntl.h>
#include <unistd.h>

#include "async.h"

namespace ostree {

// syncfs(2), as libostree calls it before it moves the refs of a transaction
Napi::Value SyncFileSystem(const Napi::CallbackInfo& info) {
  Args args(info);
  auto path = args.Next<std::string>("path");
  return Async(args, OwnThread(), [path](Job&) {
    Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0) throw Failure::Errno("open", path);
    if (syncfs(directory.get()) < 0) throw Failure::Errno("syncfs", path);
  });
}

}  // namespace ostree
