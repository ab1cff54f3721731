// Notices that a thread has waited for longer than it should, where what it
// waits for cannot be asked: a thread that waits uses no processor time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace ostree {

class QuietWatch {
 public:
  // Watches the calling thread; on_quiet runs once, on another one.
  QuietWatch(std::chrono::milliseconds limit, std::function<void()> on_quiet);
  ~QuietWatch();  // on_quiet does not run afterwards
  QuietWatch(const QuietWatch&) = delete;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace ostree
