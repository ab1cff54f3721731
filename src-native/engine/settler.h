// Reads and writes the files of a commit on all cores, in batches, while others are still being found.
#pragma once

#include <memory>
#include <vector>

#include "core/task_group.h"
#include "engine/ingest.h"
#include "engine/pool.h"

namespace ostree {

class Settler {
 public:
  Settler(Pool<Ingest>& pool, StatCache& cache, Tally& tally, GCancellable* cancellable, size_t limit);

  // The files of this directory that are not settled, those from one directory on disk together. Nobody may
  // touch them before the end of Wait().
  void Add(TreeDir& dir);
  void Wait();
  uint64_t count() const { return count_; }

 private:
  struct Unsettled {
    const TreeDir* dir;
    TreeDir::Files::value_type* file;
  };
  using Batch = std::shared_ptr<const std::vector<Unsettled>>;
  void Begin();
  void Settle(const Batch& batch, size_t first);

  Pool<Ingest>& pool_;
  StatCache& cache_;
  Tally& tally_;
  uint64_t count_ = 0;
  std::vector<Unsettled> found_;
  TaskGroup group_;  // the last: its tasks end before what they use
};

}  // namespace ostree
