// How far a pull is: what libostree's OstreeAsyncProgress says, with a rate, for
// JS; and whether it still moves.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "core/async.h"
#include "core/main_context.h"
#include "core/quiet_watch.h"

namespace ostree {

struct Parts {
  uint32_t fetched = 0, total = 0;

  void Fields(auto&& field) {
    field("fetched", fetched);
    field("total", total);
  }
};

struct PullState {
  std::string phase = "refs";
  uint64_t bytesTransferred = 0;
  Nullable<uint64_t> totalBytes, unpackedBytes;  // known of static deltas only
  uint32_t fetched = 0, requested = 0, metadataFetched = 0, scanned = 0;
  uint32_t metadataImported = 0, contentImported = 0;
  Parts deltaParts;
  double rate = 0;       // bytes a second, of the last five
  Nullable<double> eta;  // milliseconds
  std::string status;    // libostree's own words, at the end

  void Fields(auto&& field) {
    field("phase", phase);
    field("bytes", bytesTransferred);
    field("objects", fetched);
    field("bytesTransferred", bytesTransferred);
    field("totalBytes", totalBytes);
    field("unpackedBytes", unpackedBytes);
    field("fetched", fetched);
    field("requested", requested);
    field("metadataFetched", metadataFetched);
    field("scanned", scanned);
    field("metadataImported", metadataImported);
    field("contentImported", contentImported);
    field("deltaParts", deltaParts);
    field("rate", rate);
    field("eta", eta);
    field("status", status);
  }
};

// Bytes and objects over time.
class Rate {
 public:
  void Add(uint64_t bytes, uint32_t objects);
  double bytes_per_second() const { return PerSecond(&Sample::bytes); }
  double objects_per_second() const { return PerSecond(&Sample::objects); }

 private:
  struct Sample {
    std::chrono::steady_clock::time_point time;
    double bytes, objects;
  };
  double PerSecond(double Sample::*value) const;

  std::deque<Sample> samples_;
};

// Made and dropped on the thread that pulls, around the pull.
class PullProgress {
 public:
  // stall_timeout: the operation is abandoned with `stalled` when no byte came for so long.
  // imported: objects that were taken before, and are counted with the pull's own.
  PullProgress(Job& job, std::optional<std::chrono::milliseconds> stall_timeout, Failure stalled,
               uint32_t imported = 0);
  ~PullProgress();
  PullProgress(const PullProgress&) = delete;

  OstreeAsyncProgress* get() const { return progress_.get(); }
  // Whether libostree got as far as asking for objects: before, it asks for the config and for refs.
  bool asked_for_objects() const { return asked_for_objects_; }
  // The last report, and what it said.
  PullState Finish();

 private:
  static gboolean OnFirst(gpointer self);
  static void OnChanged(OstreeAsyncProgress*, gpointer self);
  PullState Read();
  void Tick();

  using Clock = std::chrono::steady_clock;

  Job& job_;
  const std::optional<std::chrono::milliseconds> stall_timeout_;
  const Failure stalled_;
  const uint32_t imported_;
  const Shared<OstreeAsyncProgress> progress_;
  const SignalHandler changed_;
  const ContextTimer timer_;
  const Shared<GSource> first_;              // as soon as this thread's context is iterated
  std::unique_ptr<QuietWatch> quiet_watch_;  // until libostree tells of its requests
  Rate rate_;
  uint64_t bytes_ = 0;
  bool asked_for_objects_ = false;
  bool untold_ = false;  // the last report came too soon after the one before
  Clock::time_point last_tick_ = Clock::now();
  Clock::duration quiet_{};
};

}  // namespace ostree
