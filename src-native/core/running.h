// The operations whose work is running now, in the whole process: what an
// ending environment, or the ending process, must cancel and wait for.
#pragma once

#include <memory>

namespace ostree {

class Doorbell;
class Operation;

namespace running {

class Guard {
 public:
  explicit Guard(std::shared_ptr<Operation> operation);
  ~Guard();
  Guard(const Guard&) = delete;

 private:
  std::shared_ptr<Operation> operation_;
};

// Cancels what runs for this environment (nullptr: for any), and waits until
// it has ended: 1 s for abandoned network jobs, 5 s for the rest, and not much
// more for all that are torn down one after another. False when some of it still
// runs.
bool StopAll(const Doorbell* environment);

// True from the moment when everything was stopped: what begins afterwards is
// too late, and cancels itself.
bool IsExiting();

}  // namespace running
}  // namespace ostree
