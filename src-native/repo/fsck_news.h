// The findings of an fsck on their way to JS: progress may be left out when more of it follows, a finding
// not, so whichever report gets there takes along all that there are.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ostree {

struct FsckObjectName {
  std::string type, checksum;
  void Fields(auto&& field) {
    field("type", type);
    field("checksum", checksum);
  }
};

// What is known as soon as something is found: not yet which commits need it, nor where it is in them.
struct FsckFound {
  FsckObjectName object;
  std::string kind, message;
  void Fields(auto&& field) {
    field("object", object);
    field("kind", kind);
    field("message", message);
  }
};

class FsckNews {
 public:
  // Where nobody listens, nothing is kept.
  explicit FsckNews(bool wanted) : wanted_(wanted) {}
  void Add(FsckFound found) {
    if (!wanted_) return;
    std::lock_guard lock(mutex_);
    found_.push_back(std::move(found));
  }
  std::vector<FsckFound> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(found_, {});
  }

 private:
  const bool wanted_;
  std::mutex mutex_;
  std::vector<FsckFound> found_;
};

}  // namespace ostree
