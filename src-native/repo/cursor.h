// A long list that crosses to JavaScript in batches: each is one short job, so
// that neither a reading thread nor the event loop is held for long. It lives until
// the collector finds it: it holds the Repo, which can be closed, and no handle.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/async.h"

namespace ostree {

class Cursor {
 public:
  static constexpr napi_type_tag kTag = {0x24c8f1b60e7d5a93, 0xd1370b9f64ae82c5};
  static constexpr const char* kName = "cursor";
  static constexpr bool kDropOnJsThread = false;

  explicit Cursor(std::shared_ptr<Executor> executor) : executor_(std::move(executor)) {}
  virtual ~Cursor() = default;

  const std::shared_ptr<Executor>& executor() const { return executor_; }
  // A worker: the next batch.
  virtual MakeJs Next(Job& job) = 0;

 private:
  const std::shared_ptr<Executor> executor_;
};

template <class T>
class CursorOf : public Cursor {
 public:
  CursorOf(std::shared_ptr<Executor> executor, size_t limit) : Cursor(std::move(executor)), limit_(limit) {}

  MakeJs Next(Job& job) final {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) throw Failure("INVALID_ARGUMENT", "The cursor is in use");
    if (failure_) throw *std::exchange(failure_, std::nullopt);
    auto batch = std::make_shared<Batch>(Collect(job));
    return [batch](Napi::Env env) -> Napi::Value { return ToJs(env, *batch); };
  }

 protected:
  // Appends the next items, if any; false at the end. Not called again after that, nor after it has thrown.
  virtual bool Step(std::vector<T>& items, Job& job) = 0;

 private:
  struct Batch {
    std::vector<T> items;
    bool done = false;
    void Fields(auto&& field) {
      field("items", items);
      field("done", done);
    }
  };

  // What came before a failure is delivered before it.
  Batch Collect(Job& job) {
    constexpr auto time = std::chrono::milliseconds(20);
    auto start = std::chrono::steady_clock::now();
    Batch batch;
    batch.done = ended_;
    try {
      while (!batch.done && batch.items.size() < limit_ && std::chrono::steady_clock::now() - start < time) {
        ThrowIfCancelled(job.cancellable());
        batch.done = !Step(batch.items, job);
      }
      ended_ = batch.done;
    } catch (const Failure& failure) {
      ended_ = true;
      if (batch.items.empty()) throw;
      failure_ = failure;
    }
    return batch;
  }

  const size_t limit_;
  std::mutex mutex_;
  bool ended_ = false;  // no step is taken any more
  std::optional<Failure> failure_;
};

// A list that is known already; make() makes an item of each part of it when it is asked for.
template <class Part, class Make>
std::shared_ptr<Cursor> NewListCursor(std::vector<Part> list, Make make) {
  using Item = std::invoke_result_t<Make&, Part&>;
  class ListCursor final : public CursorOf<Item> {
   public:
    ListCursor(std::vector<Part> list, Make make)
        : CursorOf<Item>(ReadPool(), 256), list_(std::move(list)), make_(std::move(make)) {}

   private:
    bool Step(std::vector<Item>& items, Job&) override {
      if (next_ == list_.size()) return false;
      items.push_back(make_(list_[next_++]));
      return true;
    }

    std::vector<Part> list_;
    Make make_;
    size_t next_ = 0;
  };
  return std::make_shared<ListCursor>(std::move(list), std::move(make));
}

// (cursor, call): the next batch, { items, done }.
Napi::Value CursorNext(const Napi::CallbackInfo& info);

}  // namespace ostree
