#include "engine/settler.h"

#include <algorithm>

namespace ostree {
namespace {

constexpr ptrdiff_t kBatch = 64;
// So many files are known before they are read: the total of most trees soon, and of a larger one what the
// kernel still remembers of it when its turn comes.
constexpr ptrdiff_t kFilesAhead = 65536;

}  // namespace

Settler::Settler(Pool<Ingest>& pool, StatCache& cache, Tally& tally, GCancellable* cancellable, size_t limit)
    : pool_(pool), cache_(cache), tally_(tally), group_(cancellable, limit, kFilesAhead / kBatch) {}

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
  for (auto first = found_.begin(); first != found_.end();) {
    auto last = first + std::min<ptrdiff_t>(kBatch, found_.end() - first);
    auto batch = std::make_shared<std::vector<Unsettled>>(first, last);
    group_.Run([this, batch] { Settle(batch, 0); });
    first = last;
  }
  found_.clear();
}

void Settler::Settle(const Batch& batch, size_t first) {
  auto ingest = pool_.Take();
  for (size_t i = first, end = batch->size(); i < end && !group_.stopped(); i++) {
    auto leave_rest = [&] {
      if (i + 1 < end) group_.RunNext([this, batch, next = i + 1] { Settle(batch, next); });
      end = i + 1;
    };
    const auto& [dir, file] = (*batch)[i];
    ingest->Settle(*dir, file->first, file->second, leave_rest);
    tally_.ReadFile();
  }
}

}  // namespace ostree
