// What the engine is asked to commit, what it says while it works, and what it
// returns: plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/checksum.h"
#include "engine/metadata.h"

namespace ostree {

// A directory of this machine.
struct DirSource {
  std::string path;
};

// The tree of a commit of the repository, or a directory of it.
struct CommitSource {
  Checksum commit;
  std::string subpath;
};

// A directory that is in the repository already, by its dirtree and its dirmeta.
struct ObjectSource {
  Checksum contents, metadata;
};

class Consumption;
class DevInoCache;
class SePolicy;

// Files from JavaScript.
class FileSet;
struct FilesSource {
  std::shared_ptr<FileSet> files;  // sealed
};

// A tar archive, read from front to back.
struct TarSource {
  std::function<size_t(char* buffer, size_t size)> read;  // 0 at the end
  bool autocreate_parents = false;
  bool whiteouts = false;  // `.wh.` files take away what was there before
};

struct TreeSource {
  std::variant<DirSource, CommitSource, ObjectSource, FilesSource, TarSource> from;
  std::string prefix;  // where in the new tree it goes; empty: its root
};

// What a predicate is asked about: a path in the new tree, and the file as its source has it.
struct SkipQuestion {
  std::string path;
  Owner owner;
  uint64_t size;  // of a regular file
};
// Whether to leave each of them out. They are not asked about on two threads at once.
using AskSkips = std::function<std::vector<bool>(const std::vector<SkipQuestion>&)>;

// What one entry of a statOverride asks for.
struct ModeChange {
  enum class Kind { kAdd, kSet };
  Kind kind;
  uint32_t bits;
};

struct CommitPlan {
  // The tree starts as this commit's; nothing below but `sources` applies to it.
  std::optional<Checksum> base;
  // Each overlays what those before it gave.
  std::vector<TreeSource> sources;

  std::optional<uint32_t> uid, gid;
  bool canonical_permissions = false;
  bool read_only_executables = false;
  bool xattrs = true;
  std::unordered_map<std::string, ModeChange> stat_override;  // by path in the new tree
  std::vector<std::string> skip;                              // paths in the new tree
  std::vector<std::string> skip_globs;
  AskSkips ask_skips;  // null: nobody is asked

  std::shared_ptr<const SePolicy> policy;  // gives all that comes from the sources its label; null: nothing
  bool labels_usr_etc_as_etc = false;

  bool consume = false;                 // note what is taken from directories, to remove it
  std::shared_ptr<DevInoCache> devino;  // null: none

  // Where what is known of the files is kept; empty: in the repository. Nothing: nowhere.
  std::optional<std::string> cache;
  unsigned concurrency = 0;  // 0: what the machine has
};

struct EngineProgress {
  const char* phase;     // "scan", "files", "metadata"
  uint64_t files;        // read so far
  uint64_t total_files;  // found so far; settled once the phase is no longer "scan"
  uint64_t bytes;        // read so far
};
using ReportProgress = std::function<void(const EngineProgress&)>;

struct EngineStats {
  uint64_t content_objects = 0;
  uint64_t content_written = 0;
  uint64_t bytes_written = 0;
  uint64_t metadata_written = 0;
  uint64_t cache_hits = 0;
  uint64_t bytes_read = 0;
};

// A written tree: the checksums of its root's dirtree and dirmeta.
struct WrittenTree {
  Checksum contents, metadata;
  EngineStats stats;
  std::shared_ptr<Consumption> consumption;  // null unless it was asked for
};

}  // namespace ostree
