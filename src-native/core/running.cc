#include "running.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "operation.h"

namespace ostree::running {
namespace {

constexpr auto kAbandonedDeadline = std::chrono::seconds(1);
constexpr auto kDeadline = std::chrono::seconds(5);

struct Registry {
  std::mutex mutex;
  std::condition_variable changed;
  // Whether somebody already waited for it in vain: nobody else then does.
  std::map<std::shared_ptr<Operation>, bool> operations;
  bool exiting = false;
};

// Never destroyed: threads may still run while the process exits.
Registry& TheRegistry() {
  static auto* registry = new Registry;
  return *registry;
}

}  // namespace

Guard::Guard(std::shared_ptr<Operation> operation) : operation_(std::move(operation)) {
  auto& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  registry.operations.emplace(operation_, false);
}

Guard::~Guard() {
  auto& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  registry.operations.erase(operation_);
  registry.changed.notify_all();
}

bool StopAll(const Doorbell* environment) {
  auto& registry = TheRegistry();
  auto mine = [&](const auto& operation) { return !environment || operation->doorbell() == environment; };

  std::vector<std::shared_ptr<Operation>> to_cancel;
  {
    std::lock_guard lock(registry.mutex);
    if (!environment) registry.exiting = true;
    for (const auto& [operation, waited] : registry.operations)
      if (mine(operation)) to_cancel.push_back(operation);
  }
  // Not under the lock: a cancelled operation may end at once and leave the registry.
  for (const auto& operation : to_cancel) operation->Cancel();
  to_cancel.clear();

  auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(registry.mutex);
  for (;;) {
    bool any = false, worth_waiting = false, urgent = false;
    for (const auto& [operation, waited] : registry.operations) {
      if (!mine(operation)) continue;
      any = true;
      if (waited) continue;
      worth_waiting = true;
      if (!operation->abandoned()) urgent = true;
    }
    if (!any) return true;
    if (!worth_waiting) return false;
    auto deadline = start + (urgent ? kDeadline : kAbandonedDeadline);
    if (registry.changed.wait_until(lock, deadline) == std::cv_status::timeout &&
        std::chrono::steady_clock::now() >= deadline) {
      for (auto& [operation, waited] : registry.operations)
        if (mine(operation)) waited = true;
    }
  }
}

bool IsExiting() {
  auto& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  return registry.exiting;
}

}  // namespace ostree::running
