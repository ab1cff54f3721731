#include "pull_progress.h"

namespace ostree {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 50ms;
constexpr auto kRateWindow = 5s;

// What libostree does now: of what it has outstanding, what it does first.
std::string Phase(OstreeAsyncProgress* progress) {
  auto count = [&](const char* key) { return ostree_async_progress_get_uint(progress, key); };
  Owned<char> status(ostree_async_progress_get_status(progress));
  if (status && *status) return "done";
  if (count("outstanding-fetches") > 0) {
    if (count("total-delta-parts") > 0) return "deltas";
    return count("outstanding-metadata-fetches") > 0 ? "metadata" : "objects";
  }
  if (count("outstanding-writes") > 0) return "writing";
  return count("scanned-metadata") > 0 ? "scanning" : "refs";
}

}  // namespace

void Rate::Add(uint64_t bytes, uint32_t objects) {
  auto now = std::chrono::steady_clock::now();
  samples_.push_back({now, static_cast<double>(bytes), static_cast<double>(objects)});
  while (samples_.size() > 2 && now - samples_.front().time > kRateWindow) samples_.pop_front();
}

double Rate::PerSecond(double Sample::*value) const {
  if (samples_.size() < 2) return 0;
  const auto &first = samples_.front(), &last = samples_.back();
  auto seconds = std::chrono::duration<double>(last.time - first.time).count();
  return seconds > 0 ? (last.*value - first.*value) / seconds : 0;
}

PullProgress::PullProgress(Job& job, std::optional<std::chrono::milliseconds> stall_timeout, Failure stalled,
                           uint32_t imported)
    : job_(job),
      stall_timeout_(stall_timeout),
      stalled_(std::move(stalled)),
      imported_(imported),
      progress_(Shared<OstreeAsyncProgress>::Take(ostree_async_progress_new())),
      changed_(progress_.get(), "changed", G_CALLBACK(OnChanged), this),
      timer_(kTick, [this] { Tick(); }),
      first_(Shared<GSource>::Take(g_idle_source_new())) {
  // First of all: where there is no thread for it, nothing may be left in the context that calls back here.
  if (stall_timeout_)
    quiet_watch_ = std::make_unique<QuietWatch>(*stall_timeout_, [&job, this] { job.Abandon(stalled_); });
  // Before any answer is heard. What comes before objects, libostree waits for in contexts of its own.
  g_source_set_priority(first_.get(), G_PRIORITY_HIGH);
  g_source_set_callback(first_.get(), OnFirst, this, nullptr);
  g_source_attach(first_.get(), g_main_context_get_thread_default());
  if (!job_.wants_progress()) return;
  PullState state;
  state.contentImported = imported_;
  Report(job_, state);
}

// Its pending idle source would outlive it otherwise.
PullProgress::~PullProgress() {
  g_source_destroy(first_.get());
  ostree_async_progress_finish(progress_.get());
}

PullState PullProgress::Finish() {
  quiet_watch_ = nullptr;
  ostree_async_progress_finish(progress_.get());
  return Read();
}

gboolean PullProgress::OnFirst(gpointer self) {
  static_cast<PullProgress*>(self)->asked_for_objects_ = true;
  return G_SOURCE_REMOVE;
}

void PullProgress::OnChanged(OstreeAsyncProgress*, gpointer data) {
  auto* self = static_cast<PullProgress*>(data);
  if (self->job_.wants_progress()) self->untold_ = !Report(self->job_, self->Read());
}

PullState PullProgress::Read() {
  auto* progress = progress_.get();
  auto count = [&](const char* key) { return ostree_async_progress_get_uint(progress, key); };
  auto size = [&](const char* key) { return ostree_async_progress_get_uint64(progress, key); };
  PullState state;
  state.phase = Phase(progress);
  state.bytesTransferred = size("bytes-transferred");
  state.fetched = count("fetched");
  state.requested = count("requested");
  state.metadataFetched = count("metadata-fetched");
  state.scanned = count("scanned-metadata");
  state.metadataImported = count("metadata-fetched-localcache");
  state.contentImported = imported_ + count("content-fetched-localcache");
  // Objects that a delta leaves out are fetched as parts of it.
  state.deltaParts = {count("fetched-delta-parts") + count("fetched-delta-fallbacks"),
                      count("total-delta-parts") + count("total-delta-fallbacks")};
  Owned<char> status(ostree_async_progress_get_status(progress));
  if (status) state.status = ValidUtf8(status.get());

  rate_.Add(state.bytesTransferred, state.fetched);
  state.rate = rate_.bytes_per_second();
  auto objects_per_second = rate_.objects_per_second();
  if (auto total = size("total-delta-part-size")) {
    state.totalBytes = total;
    state.unpackedBytes = size("total-delta-part-usize");
    auto left = static_cast<double>(total - std::min(total, size("fetched-delta-part-size")));
    if (state.phase == "deltas" && state.rate > 0) state.eta = left / state.rate * 1000;
  } else if (state.phase == "objects" && objects_per_second > 0) {
    // All metadata is here, so all that is to be fetched has been requested.
    state.eta = (state.requested - std::min(state.requested, state.fetched)) / objects_per_second * 1000;
  }
  return state;
}

// Runs only while libostree waits for its requests for objects: not during those that
// come first (refs, the summary), nor while it commits.
void PullProgress::Tick() {
  if (g_cancellable_is_cancelled(job_.cancellable())) {
    // libostree waits for requests in flight even so; their end is all it needs.
    ShutDownConnections();
    return;
  }
  quiet_watch_ = nullptr;
  // Where the server stalls, nothing changes any more.
  if (untold_) untold_ = !Report(job_, Read());
  auto now = Clock::now();
  auto passed = now - std::exchange(last_tick_, now);
  auto bytes = ostree_async_progress_get_uint64(progress_.get(), "bytes-transferred");
  bool waits = ostree_async_progress_get_uint(progress_.get(), "outstanding-fetches") > 0;
  if (std::exchange(bytes_, bytes) != bytes || !waits)
    quiet_ = {};
  else
    // A long gap between two ticks was work of its own (gpg, say), not waiting for bytes.
    quiet_ += std::min<Clock::duration>(passed, 2 * kTick);
  if (stall_timeout_ && quiet_ >= *stall_timeout_) job_.Abandon(stalled_);
}

}  // namespace ostree
