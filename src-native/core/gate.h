// Who may work on a repository, within this process. libostree's own locks
// belong to a handle, so two handles of one process would wait for each other;
// here operations wait as data, before any lock of libostree is asked for.
//
// One gate a repository (by device and inode), shared by all Workers. Shared
// work does not queue behind a waiting exclusive one.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "executor.h"

namespace ostree {

class Gate : public std::enable_shared_from_this<Gate> {
 public:
  enum class Kind { kShared, kExclusive };

  static std::shared_ptr<Gate> ForDirectory(int fd);

  // The executor that posts to `inner` once the gate lets an operation pass.
  // Its place is given up when the operation, and every copy of its ticket(),
  // is gone. `what` names it to those who wait in vain.
  std::shared_ptr<Executor> Pass(Kind kind, std::string what, std::shared_ptr<Executor> inner);
  // Where what reads, changes and writes back runs, one at a time.
  const std::shared_ptr<Executor>& updates() const { return updates_; }
  // A queue by name (of a branch, say): what is posted to it runs one at a time, in order.
  std::shared_ptr<Executor> Queue(const std::string& name);
  // Held by whoever compares a ref and then moves it. Only threads that may wait ask for it.
  std::unique_lock<std::mutex> LockRefs() { return std::unique_lock(refs_mutex_); }

 private:
  class Passage;
  struct Ticket;
  struct Visit {
    Kind kind;
    std::string what;
    std::shared_ptr<Operation> operation;
    std::shared_ptr<Executor> inner;
  };

  void Enter(Visit visit);
  void Leave(std::list<std::string>::iterator place, Kind kind);
  bool MayEnter(Kind kind) const;
  std::shared_ptr<Ticket> Admit(const Visit& visit);  // under the mutex
  Failure InTheWay();

  const std::shared_ptr<Executor> updates_ = std::make_shared<Strand>();
  std::mutex refs_mutex_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Strand>> queues_;
  std::list<std::string> inside_;  // what each of them is
  size_t shared_ = 0;
  bool exclusive_ = false;
  std::list<Visit> waiting_;
};

}  // namespace ostree
