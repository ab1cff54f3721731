// Asynchronous functions of libostree, called by work that waits for them.
#pragma once

#include <functional>

#include "core/async.h"
#include "core/main_context.h"

namespace ostree {

// What an asynchronous function is given to call back.
struct Callback {
  GAsyncReadyCallback function;
  gpointer data;
};

// Calls start() and iterates this thread's context until the function that it starts has called back. That is
// always waited for: cancelling is the function's own business, which on_cancel() may hasten.
Shared<GAsyncResult> Await(GCancellable* cancellable, const std::function<void(Callback)>& start,
                           const std::function<void()>& on_cancel = nullptr);

}  // namespace ostree
