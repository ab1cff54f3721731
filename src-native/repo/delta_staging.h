// A directory where a delta is made ready, beside where it will be: what is
// there appears as a whole, or goes with this object.
#pragma once

#include <mutex>
#include <string>

#include "delta_names.h"

namespace ostree {

class DeltaStaging {
 public:
  static constexpr napi_type_tag kTag = {0x91d3f0274ae56cb8, 0x8c62b1f7d05e934a};
  static constexpr const char* kName = "staged delta";
  static constexpr bool kDropOnJsThread = false;

  // In the directory `parent`.
  explicit DeltaStaging(Fd parent);
  ~DeltaStaging();
  DeltaStaging(const DeltaStaging&) = delete;

  int dir() const { return dir_.get(); }
  // For functions that take paths; the way to it may be writable only through the descriptor.
  std::string PathOf(const std::string& name) const;
  void Write(const std::string& name, const void* data, size_t size) const;
  void Sync() const;

  // Becomes the directory `path` below `root`, in place of one that is there. With `sync`, that lasts before
  // this returns.
  void MoveTo(int root, const std::string& path, bool sync);
  // Its files go to a directory, the superblock, under its new name, last.
  void MoveFilesTo(int directory, const std::string& superblock, bool sync);
  // The end of it, published or not: what is left here is deleted, and its descriptors are closed.
  void Discard();

 private:
  void Replace(int root, const std::string& path);  // under the mutex

  std::mutex mutex_;  // JS may have it published twice
  Fd parent_;
  std::string name_;
  Fd dir_;
};

// The directory tmp/ of a repository.
Fd OpenTemporary(OstreeRepo* repo);
// Where its deltas are made ready: tmp/, unless they lie on another file system, where no rename leads to.
// There it is deltas/ itself: what libostree takes for deltas are directories one level down.
Fd OpenBesideDeltas(OstreeRepo* repo);
// A directory of files and the like, with all that is in it. NOT_FOUND is no error.
void RemoveDirectory(int parent, const std::string& name);
// Out of sight at once, then away.
void RemoveDelta(OstreeRepo* repo, const DeltaName& name);

}  // namespace ostree
