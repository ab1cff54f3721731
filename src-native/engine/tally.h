// What many threads of one commit count together, and how they report it.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "engine/plan.h"

namespace ostree {

class Tally {
 public:
  explicit Tally(ReportProgress report) : report_(std::move(report)) {}

  void SetPhase(const char* phase) {
    phase_ = phase;
    Report();
  }
  void Found(uint64_t files) { total_files_ += files; }
  // What was found may have been taken away, or linked to, since.
  void SettleTotal(uint64_t files) { total_files_ = files; }
  void ReadFile() {
    files_++;
    Report();
  }
  void ReadBytes(uint64_t bytes) {
    bytes_ += bytes;
    Report();
  }

  std::atomic<uint64_t> content_written = 0, bytes_written = 0, metadata_written = 0, cache_hits = 0;

  EngineStats Stats() const {
    return {.content_objects = files_,
            .content_written = content_written,
            .bytes_written = bytes_written,
            .metadata_written = metadata_written,
            .cache_hits = cache_hits,
            .bytes_read = bytes_};
  }

 private:
  // At most some twenty times a second, and by one thread at a time.
  void Report() {
    if (!report_) return;
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    auto now = std::chrono::steady_clock::now();
    if (now - last_report_ < std::chrono::milliseconds(50)) return;
    last_report_ = now;
    report_({.phase = phase_, .files = files_, .total_files = total_files_, .bytes = bytes_});
  }

  const ReportProgress report_;
  std::atomic<const char*> phase_ = "scan";
  std::atomic<uint64_t> files_ = 0, total_files_ = 0, bytes_ = 0;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_report_{};
};

}  // namespace ostree
