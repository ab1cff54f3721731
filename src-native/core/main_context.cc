#include "main_context.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <vector>

#include "failure.h"

namespace ostree {
namespace {

// Whether all that was attached to it is gone: what waits for a descriptor, for a time, or to be dispatched.
bool IsEmpty(GMainContext* context) {
  if (!g_main_context_acquire(context)) return false;
  gint priority = 0, timeout = -1;
  bool ready = g_main_context_prepare(context, &priority);
  GPollFD own;  // by which it is woken
  auto count = g_main_context_query(context, G_MAXINT, &timeout, &own, 1);
  g_main_context_release(context);
  return !ready && timeout < 0 && count <= 1;
}

}  // namespace

void RequireDescriptors(unsigned count) {
  std::vector<Fd> fds;
  fds.reserve(count);
  for (unsigned i = 0; i < count; i++) {
    fds.emplace_back(eventfd(0, EFD_CLOEXEC));
    if (fds.back()) continue;
    auto failure = Failure::Errno("eventfd", "");
    failure.message += "; the process needs more descriptors (ulimit -n), or must close some";
    throw failure;
  }
}

void KeptContext::Make() {
  if (context_) return;
  RequireDescriptors(1);
  context_ = Shared<GMainContext>::Take(g_main_context_new());
}

MainContextScope::MainContextScope(KeptContext& kept) : kept_(kept) {
  kept_.Make();
  g_main_context_push_thread_default(kept_.context_.get());
}

MainContextScope::~MainContextScope() {
  g_main_context_pop_thread_default(kept_.context_.get());
  if (!IsEmpty(kept_.context_.get())) kept_.Drop();
}

ContextTimer::ContextTimer(std::chrono::milliseconds period, std::function<void()> tick)
    : tick_(std::move(tick)),
      source_(Shared<GSource>::Take(g_timeout_source_new(static_cast<guint>(period.count())))) {
  auto call = [](gpointer self) -> gboolean {
    static_cast<ContextTimer*>(self)->tick_();
    return G_SOURCE_CONTINUE;
  };
  g_source_set_priority(source_.get(), G_PRIORITY_HIGH);
  g_source_set_callback(source_.get(), call, this, nullptr);
  g_source_attach(source_.get(), g_main_context_get_thread_default());
}

ContextTimer::~ContextTimer() { g_source_destroy(source_.get()); }

void ShutDownConnections() {
  auto* context = g_main_context_get_thread_default();
  if (!context) return;
  gint timeout = 0;
  std::vector<GPollFD> fds(
      static_cast<size_t>(g_main_context_query(context, G_MAXINT, &timeout, nullptr, 0)));
  auto count = g_main_context_query(context, G_MAXINT, &timeout, fds.data(), static_cast<gint>(fds.size()));
  for (gint i = 0; i < count && i < static_cast<gint>(fds.size()); i++) {
    sockaddr_storage address;
    socklen_t size = sizeof address;
    bool is_socket =
        getsockname(fds[static_cast<size_t>(i)].fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    if (is_socket && (address.ss_family == AF_INET || address.ss_family == AF_INET6))
      shutdown(fds[static_cast<size_t>(i)].fd, SHUT_RDWR);
  }
}

}  // namespace ostree
