#include "succession.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace ostree {
namespace {

// What a cancelled pull takes: its connections are shut down every 50 ms, and curl asks five times again.
constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kLook = std::chrono::milliseconds(20);

struct Registry {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<const Succession*> work;
};

// Never destroyed: threads may still run while the process exits.
Registry& TheRegistry() {
  static auto* registry = new Registry;
  return *registry;
}

}  // namespace

Succession::Succession(std::shared_ptr<void> thing, GCancellable* cancellable)
    : thing_(std::move(thing)), cancellable_(cancellable) {
  auto& registry = TheRegistry();
  auto ending = [this](const Succession* other) {
    return other->thing_ == thing_ && g_cancellable_is_cancelled(other->cancellable_);
  };
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(registry.mutex);
  while (std::any_of(registry.work.begin(), registry.work.end(), ending) &&
         std::chrono::steady_clock::now() < deadline && !g_cancellable_is_cancelled(cancellable_))
    registry.changed.wait_for(lock, kLook);
  registry.work.push_back(this);
}

Succession::~Succession() {
  auto& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  std::erase(registry.work, this);
  registry.changed.notify_all();
}

}  // namespace ostree
