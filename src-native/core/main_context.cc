#include "main_context.h"

#include <sys/socket.h>

#include <vector>

namespace ostree {

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
