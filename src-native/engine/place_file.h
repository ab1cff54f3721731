// One file of a commit into a directory of the destination: as a hard link to its object, as a copy of it, or
// as what a whiteout stands for. The cases are those of libostree's checkout_one_file_at(), one for one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/checkout_plan.h"
#include "engine/disk.h"
#include "engine/load_file.h"
#include "engine/tally.h"

namespace ostree {

// Where the policy of a checkout looks a directory up, without a slash at the end.
std::string LabelPath(const CheckoutPlan& plan, const DiskDir& dir);

// A tool of one thread.
class FilePlacer {
 public:
  FilePlacer(const CheckoutPlan& plan, OstreeRepo* repo, CheckoutCounts& counts, Tally& tally,
             GCancellable* cancellable);

  // `fd` is the directory `dir`. A failure names the path.
  void Place(int fd, const DiskDir& dir, const std::string& name, const std::string& checksum);

 private:
  // The repository or one of its parents.
  struct Store {
    OstreeRepo* repo;
    OstreeRepoMode mode;
    bool is_user;      // bare-user or bare-user-only
    bool is_linkable;  // its files are as the destination wants them
    bool ignores_owner, ignores_xattrs;
  };
  enum class Linked { kNo, kYes, kKept };
  static constexpr std::string_view kWhiteout = ".wh.", kOverlayWhiteout = ".ostree-wh.";

  // Where one file goes.
  struct Target {
    int fd;
    const DiskDir& dir;
    const std::string& name;
    const std::string& checksum;
    std::string Path() const { return dir.Path(name); }
    std::string LabelPath(const CheckoutPlan& plan) const;
  };

  static std::vector<Store> Stores(OstreeRepo* repo, bool user_mode);
  void PlaceChecked(const Target& target);
  FileInfo Probe(const std::string& checksum);
  void PlaceWhiteout(const Target& target);
  void PlaceOverlayWhiteout(const Target& target, const StoredFile& file);
  bool MakeDevice(const Target& device, const StoredFile& file);
  void CheckSameDevice(const Target& device, const StoredFile& file);

  Linked Link(const Target& target, const FileInfo& info);
  void NoteLink(const Target& target);
  Linked LinkFrom(const Store& store, const Target& target);
  Linked LinkOverExisting(const Store& store, const std::string& object, const Target& target);
  bool IsSame(const Store& store, const Target& target, const struct stat& there);

  void Copy(const Target& target, const StoredFile& file, bool make_readable);
  bool CopyLink(const Target& target, const StoredFile& file);
  bool ReplaceLink(const Target& target, const StoredFile& file);
  bool CopyRegular(const Target& target, const StoredFile& file, bool make_readable);
  void SetOwner(int fd, const Target& target, const StoredFile& file);
  Xattrs Kept(const StoredFile& file) const;
  bool IsThere(const Target& target);
  void Remove(const Target& target, const std::string& name);

  const CheckoutPlan& plan_;
  OstreeRepo* const repo_;
  const std::vector<Store> stores_;
  const bool may_link_;
  CheckoutCounts& counts_;
  Tally& tally_;
  GCancellable* const cancellable_;
  std::vector<char> buffer_;
};

}  // namespace ostree
