// Tools that threads take turns in using: no more are made than are used at once.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace ostree {

template <class Tool>
class Pool {
 public:
  using Make = std::function<std::unique_ptr<Tool>()>;
  explicit Pool(Make make) : make_(std::move(make)) {}

  // Comes back by itself.
  std::shared_ptr<Tool> Take() {
    auto give_back = [this](Tool* tool) {
      std::lock_guard lock(mutex_);
      free_.emplace_back(tool);
    };
    std::lock_guard lock(mutex_);
    if (free_.empty()) free_.push_back(make_());
    std::shared_ptr<Tool> tool(free_.back().release(), give_back);
    free_.pop_back();
    return tool;
  }

 private:
  const Make make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Tool>> free_;
};

}  // namespace ostree
