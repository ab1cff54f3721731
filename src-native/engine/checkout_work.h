// The inside of a checkout, and of the update of one: see checkout.h.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/task_group.h"
#include "engine/checkout_plan.h"
#include "engine/disk.h"
#include "engine/load_metadata.h"
#include "engine/objects.h"
#include "engine/place_file.h"
#include "engine/plan.h"
#include "engine/skip_list.h"
#include "engine/tally.h"

namespace ostree {

// How many threads work, and how many directories each may keep open.
struct Means {
  size_t threads, directories;
};

// A directory of the destination, until all that is below it is there.
struct CheckoutDir {
  CheckoutDir* parent = nullptr;
  DiskDir disk;
  std::string contents, metadata;  // checksums
  LoadedDirTree tree;              // while its files are being placed
  uint32_t uid = 0, gid = 0, mode = 0;
  bool existed = false, skipped = false;
  // Of an update: what the destination is a checkout of, where that has this directory. Without contents of
  // its own, the directory is to go; a file may take its place.
  std::string old_contents, old_metadata, replacement;
  bool updated = false;
  // Itself, chunks of its files, and its subdirectories.
  std::atomic<size_t> open = 1;
};

class Checkout {
 public:
  Checkout(const CheckoutPlan& plan, OstreeRepo* repo, GCancellable* cancellable,
           const ReportProgress& report)
      : plan_(plan),
        repo_(repo),
        cancellable_(cancellable),
        tally_(report),
        skips_(plan.skip, plan.skip_globs),
        canonical_dirs_(plan.bare_user_only_dirs ||
                        ostree_repo_get_mode(repo) == OSTREE_REPO_MODE_BARE_USER_ONLY) {}

  CheckoutStats Run();

 private:
  // What one thread works with.
  struct Tools {
    Tools(const Checkout& checkout, CheckoutCounts& counts, Tally& tally, size_t directories)
        : opener(directories), placer(checkout.plan_, checkout.repo_, counts, tally, checkout.cancellable_) {}
    DirOpener opener;
    FilePlacer placer;
  };
  // A directory that is to be made, or else some of its files that are to be placed.
  struct Step {
    CheckoutDir* dir;
    size_t begin = 0, end = 0;
  };

  void CheckOutTree();
  void CheckOutFile();
  void Work(const TaskGroup& tasks);
  std::unique_ptr<Tools> TakeTools();
  std::optional<Step> Do(Tools& tools, const Step& step);
  std::optional<Step> Pop();
  void Push(const std::vector<Step>& steps);
  std::optional<Step> Enter(Tools& tools, CheckoutDir& dir);
  std::optional<Step> PushAllButFirst(std::vector<Step> steps);
  LoadedDirTree Load(const std::string& dirtree) const;
  void LoadDirMeta(CheckoutDir& dir, Shared<GVariant>& xattrs);
  void CheckNoCycle(const CheckoutDir& dir);
  void Make(Tools& tools, CheckoutDir& dir, bool is_opaque, const Xattrs& xattrs);
  void PlaceFiles(Tools& tools, CheckoutDir& dir, size_t begin, size_t end);
  void Done(Tools& tools, CheckoutDir* dir);
  void Finish(Tools& tools, CheckoutDir& dir);
  CheckoutDir& AddDir(CheckoutDir* parent, std::string_view name, std::string contents, std::string metadata);
  bool Skips(const CheckoutDir& dir, std::string_view file = {}) const;
  Xattrs Kept(const Xattrs& xattrs) const;

  // Updates: checkout_update.cc
  std::optional<Step> EnterUpdate(Tools& tools, CheckoutDir& dir, LoadedDirTree loaded);
  std::optional<Step> EnterRemoval(Tools& tools, CheckoutDir& dir);
  void UpdateXattrs(Tools& tools, CheckoutDir& dir, const Xattrs& xattrs);
  uint32_t OpenForChanges(int fd, const CheckoutDir& dir);
  void RemoveFile(int fd, const CheckoutDir& dir, const std::string& name);
  void RemoveFiles(int fd, const CheckoutDir& dir, const std::vector<DirTreeView::File>& files);
  CheckoutDir& AddRemoval(CheckoutDir& parent, const DirTreeView::Dir& child);
  void FinishRemoval(Tools& tools, CheckoutDir& dir);

  const CheckoutPlan& plan_;
  OstreeRepo* const repo_;
  GCancellable* const cancellable_;
  Tally tally_;
  CheckoutCounts counts_;
  const SkipList skips_;
  const bool canonical_dirs_;
  dev_t repo_device_ = 0;
  Means means_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CheckoutDir> dirs_;  // they point to each other
  std::vector<Step> steps_;       // the last one is next: depth first
  size_t working_ = 0;
  std::vector<std::unique_ptr<Tools>> tools_;  // that nobody works with
};

}  // namespace ostree
