#include "engine/settler.h"

#include <algorithm>

namespace ostree {
namespace {

constexpr size_t kBatch = 32;

}  // namespace

Settler::Settler(Pool<Ingest>& pool, StatCache& cache, Tally& tally, GCancellable* cancellable, size_t limit)
    : pool_(pool), cache_(cache), tally_(tally), group_(cancellable, limit) {}

void Settler::Add(TreeDir& dir) {
  auto first = static_cast<ptrdiff_t>(found_.size());
  for (auto& file : dir.files)
    if (!file.second.is_settled) found_.push_back({&dir, &file});
  count_ += found_.size() - static_cast<size_t>(first);
  auto by_disk = [](const auto& a, const auto& b) { return a.file->second.disk < b.file->second.disk; };
  std::stable_sort(found_.begin() + first, found_.end(), by_disk);
  // Who looks for files need not wait for the cache.
  if (found_.size() >= kBatch && cache_.is_read()) Begin();
}

void Settler::Wait() {
  cache_.Await();
  Begin();
  group_.Wait();
}

void Settler::Begin() {
  for (size_t first = 0; first < found_.size(); first += kBatch) {
    auto last = std::min(first + kBatch, found_.size());
    BeginBatch(
        {found_.begin() + static_cast<ptrdiff_t>(first), found_.begin() + static_cast<ptrdiff_t>(last)});
  }
  found_.clear();
}

void Settler::BeginBatch(std::vector<Unsettled> batch) {
  group_.Run([this, batch = std::move(batch)] {
    auto ingest = pool_.Take();
    for (const auto& [dir, file] : batch) {
      if (group_.stopped()) return;
      ingest->Settle(*dir, file->first, file->second);
      tally_.ReadFile();
    }
  });
}

}  // namespace ostree
