// Is told when an operation is cancelled, on whatever thread that happens; at once where it has been already.
// Other than a descriptor of GLib's to poll, it can always be had.
#pragma once

#include <functional>

#include "ptr.h"

namespace ostree {

class OnCancel {
 public:
  OnCancel(GCancellable* cancellable, std::function<void()> tell)
      : cancellable_(cancellable), tell_(std::move(tell)) {
    auto call = [](GCancellable*, gpointer self) { static_cast<OnCancel*>(self)->tell_(); };
    if (cancellable_) id_ = g_cancellable_connect(cancellable_, G_CALLBACK(+call), this, nullptr);
  }
  // Waits for the other thread, if it is telling.
  ~OnCancel() {
    if (cancellable_) g_cancellable_disconnect(cancellable_, id_);
  }
  OnCancel(const OnCancel&) = delete;

 private:
  GCancellable* const cancellable_;
  const std::function<void()> tell_;
  gulong id_ = 0;
};

}  // namespace ostree
