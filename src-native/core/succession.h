// Work of which the next wants what the one before holds until it ends: a cancelled
// pull goes on for a moment, unknown to JS, and keeps what it fetched locked.
#pragma once

#include <memory>

#include "ptr.h"

namespace ostree {

class Succession {
 public:
  // Waits for a moment for cancelled work on the same thing, if there is any; then counts as work on it.
  Succession(std::shared_ptr<void> thing, GCancellable* cancellable);
  ~Succession();
  Succession(const Succession&) = delete;

 private:
  const std::shared_ptr<void> thing_;
  GCancellable* const cancellable_;
};

}  // namespace ostree
