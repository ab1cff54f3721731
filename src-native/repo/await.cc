#include "await.h"

namespace ostree {
namespace {

// How soon a cancel is noticed where nothing else wakes the context.
constexpr std::chrono::milliseconds kTick(50);

// Some of libostree's callbacks assert that their thread owns the context, also before it is iterated.
class OwnContext {
 public:
  OwnContext() : context_(g_main_context_get_thread_default()) { g_main_context_acquire(context_); }
  ~OwnContext() { g_main_context_release(context_); }
  OwnContext(const OwnContext&) = delete;

  void Iterate() { g_main_context_iteration(context_, TRUE); }

 private:
  GMainContext* const context_;
};

void OnReady(GObject*, GAsyncResult* result, gpointer data) {
  *static_cast<Shared<GAsyncResult>*>(data) = Shared<GAsyncResult>::Share(result);
}

}  // namespace

Shared<GAsyncResult> Await(GCancellable* cancellable, const std::function<void(Callback)>& start,
                           const std::function<void()>& on_cancel) {
  OwnContext context;
  bool cancelled = false;
  ContextTimer timer(kTick, [&] {
    if (cancelled || !on_cancel || !g_cancellable_is_cancelled(cancellable)) return;
    cancelled = true;
    on_cancel();
  });
  Shared<GAsyncResult> result;
  start({OnReady, &result});
  while (!result) context.Iterate();
  return result;
}

}  // namespace ostree
