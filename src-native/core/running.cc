#include "running.h"

#include <algorithm>
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
// An ending process tears its Workers down one after another, and does not say so. Those that come right
// after one that was waited for in vain count from its start; what they have to cancel gets a moment, until
// all have had 6 s.
constexpr auto kRightAfter = std::chrono::seconds(1);
constexpr auto kMoment = std::chrono::milliseconds(200);
constexpr auto kDeadlineOfAll = std::chrono::seconds(6);
using Time = std::chrono::steady_clock::time_point;

struct Registry {
  std::mutex mutex;
  std::condition_variable changed;
  // Whether somebody already waited for it in vain: nobody else then does.
  std::map<std::shared_ptr<Operation>, bool> operations;
  bool exiting = false;
  // Of the last ones that were waited for in vain, one after another.
  Time first_began, last_ended;
};

// Never destroyed: threads may still run while the process exits.
Registry& TheRegistry() {
  static auto* registry = new Registry;
  return *registry;
}

// What is waited for in one teardown, and until when.
class Patience {
 public:
  explicit Patience(const Registry& registry)
      : began_(std::chrono::steady_clock::now()),
        first_began_(began_ - registry.last_ended < kRightAfter ? registry.first_began : began_) {}

  Time Until(std::chrono::seconds deadline) const {
    return std::max(first_began_ + deadline, std::min(began_ + kMoment, first_began_ + kDeadlineOfAll));
  }
  void InVain(Registry& registry) const {
    registry.first_began = first_began_;
    registry.last_ended = std::chrono::steady_clock::now();
  }

 private:
  const Time began_, first_began_;
};

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

  std::unique_lock lock(registry.mutex);
  Patience patience(registry);
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
    auto deadline = patience.Until(urgent ? kDeadline : kAbandonedDeadline);
    if (registry.changed.wait_until(lock, deadline) == std::cv_status::timeout &&
        std::chrono::steady_clock::now() >= deadline) {
      for (auto& [operation, waited] : registry.operations)
        if (mine(operation)) waited = true;
      patience.InVain(registry);
    }
  }
}

bool IsExiting() {
  auto& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  return registry.exiting;
}

}  // namespace ostree::running
