// What the engine is asked to check out, and what it says of it: plain data.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ostree {

class DevInoCache;
class SePolicy;

// What becomes of files that are in the destination already.
enum class Overwrite {
  kNone,            // the destination itself must not be there
  kUnionFiles,      // they are replaced
  kAddFiles,        // they stay
  kUnionIdentical,  // they must be the same
};

// What is checked out: a directory of a commit, or one file of it.
struct CheckoutSource {
  std::string contents, metadata;  // of a directory: its dirtree and its dirmeta
  std::string name, checksum;      // of a file; empty: it is a directory
};

struct CheckoutPlan {
  std::string destination;  // absolute
  CheckoutSource source;
  // What the destination is a checkout of already, if it is to be updated; a directory. Then only what
  // differs between the two is touched, and overwrite is kUnionFiles.
  CheckoutSource from;
  bool user_mode = false;
  Overwrite overwrite = Overwrite::kNone;
  bool require_hardlinks = false;
  bool force_copy = false;
  bool bare_user_only_dirs = false;
  bool whiteouts = false;
  bool passthrough_whiteouts = false;
  bool fsync = false;
  // Gives files their labels; null: they have those of the commit. Needs force_copy. A label is that of the
  // path below `label_prefix`, which ends with a slash.
  std::shared_ptr<const SePolicy> policy;
  std::string label_prefix;
  bool drops_stored_labels = false;     // those of the commit
  std::shared_ptr<DevInoCache> devino;  // where to note what was linked; null: nowhere
  // As paths below the destination, which is "/".
  std::vector<std::string> skip, skip_globs;
  unsigned concurrency = 0;  // 0: what the machine has
};

// hardlinked + copied + kept = files + symlinks
struct CheckoutStats {
  uint64_t files = 0, directories = 0, symlinks = 0;
  uint64_t hardlinked = 0;  // to an object of the repository
  uint64_t copied = 0;      // made anew
  uint64_t kept = 0;        // were there already
  uint64_t bytes = 0;       // of content that was copied
  uint64_t removed = 0;     // by an update: files, links and directories
};

// The same, while threads count.
struct CheckoutCounts {
  std::atomic<uint64_t> files = 0, directories = 0, symlinks = 0, hardlinked = 0, copied = 0, kept = 0,
                        bytes = 0, removed = 0;

  CheckoutStats Stats() const {
    return {.files = files,
            .directories = directories,
            .symlinks = symlinks,
            .hardlinked = hardlinked,
            .copied = copied,
            .kept = kept,
            .bytes = bytes,
            .removed = removed};
  }
};

}  // namespace ostree
