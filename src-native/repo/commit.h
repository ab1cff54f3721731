// Writing commits.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/async.h"
#include "core/byte_channel.h"
#include "devino.h"
#include "engine/consume.h"
#include "engine/plan.h"
#include "file_set.h"
#include "ref_update.h"
#include "selinux.h"

namespace ostree {

// Where a part of the tree comes from: a directory, a commit, two objects, files, or a tar archive, in a file
// or as a stream.
struct CommitSourceSpec {
  std::optional<std::string> dir, ref, subpath, contents, metadata, tar;
  std::optional<std::shared_ptr<FileSetHandle>> files;
  std::optional<std::shared_ptr<ByteChannel>> stream;
  bool autocreateParents = false, whiteouts = false;
  std::string prefix;

  void Fields(auto&& field) {
    field("dir", dir);
    field("ref", ref);
    field("subpath", subpath);
    field("contents", contents);
    field("metadata", metadata);
    field("files", files);
    field("tar", tar);
    field("stream", stream);
    field("autocreateParents", autocreateParents);
    field("whiteouts", whiteouts);
    field("prefix", prefix);
  }
};

struct StatOverrideSpec {
  std::optional<uint32_t> add, set;  // one of them

  void Fields(auto&& field) {
    field("add", add);
    field("set", set);
  }
};

struct CommitSpec {
  std::vector<CommitSourceSpec> tree;
  std::optional<std::string> branch, base;
  std::optional<Nullable<std::string>> parent;  // not given: the branch's head
  std::string subject, body;
  std::optional<std::string> version;
  std::optional<int64_t> timestamp;  // seconds; not given: now, or SOURCE_DATE_EPOCH
  std::vector<std::string> bindRefs;
  bool bindings = true, bootable = false;
  std::optional<uint32_t> uid, gid;
  bool canonicalPermissions = false, modeRoExecutables = false, xattrs = true;
  std::map<std::string, StatOverrideSpec> statOverride;
  std::vector<std::string> skip, skipGlobs;
  std::optional<std::shared_ptr<ByteChannel>> askSkips;  // who says what else to leave out
  std::optional<SelinuxSpec> selinux;
  bool generateSizes = false, composefs = false, consume = false;
  std::optional<std::shared_ptr<DevInoHandle>> devino;
  bool skipIfUnchanged = false;
  std::optional<std::string> cache;  // of the stat cache; empty: in the repository
  uint32_t concurrency = 0;
  std::optional<bool> fsync;

  void Fields(auto&& field) {
    field("tree", tree);
    field("branch", branch);
    field("base", base);
    field("parent", parent);
    field("subject", subject);
    field("body", body);
    field("version", version);
    field("timestamp", timestamp);
    field("bindRefs", bindRefs);
    field("bindings", bindings);
    field("bootable", bootable);
    field("uid", uid);
    field("gid", gid);
    field("canonicalPermissions", canonicalPermissions);
    field("modeRoExecutables", modeRoExecutables);
    field("xattrs", xattrs);
    field("statOverride", statOverride);
    field("skip", skip);
    field("skipGlobs", skipGlobs);
    field("askSkips", askSkips);
    field("selinux", selinux);
    field("generateSizes", generateSizes);
    field("composefs", composefs);
    field("consume", consume);
    field("devino", devino);
    field("skipIfUnchanged", skipIfUnchanged);
    field("cache", cache);
    field("concurrency", concurrency);
    field("fsync", fsync);
  }
};

// What a commit says besides its tree; either may be null.
struct CommitMetadata {
  Shared<GVariant> metadata;  // a{sv}
  Shared<GVariant> detached;  // a{sv}
};

struct CommitStats {
  uint64_t contentObjects = 0, contentWritten = 0, bytesWritten = 0, metadataWritten = 0, cacheHits = 0;
  // Of what was to be removed; nothing: it is gone.
  std::optional<std::vector<std::string>> leftBehind;

  void Fields(auto&& field) {
    field("contentObjects", contentObjects);
    field("contentWritten", contentWritten);
    field("bytesWritten", bytesWritten);
    field("metadataWritten", metadataWritten);
    field("cacheHits", cacheHits);
    field("leftBehind", leftBehind);
  }
  void Add(const CommitStats& more);
  // Removes what the commit took, now that it is made; null: nothing.
  void Consume(Consumption* taken);
};

struct CommitResult {
  std::string checksum;
  bool changed = true;
  std::string rootContents, rootMetadata;
  CommitStats stats;
  std::shared_ptr<Consumption> consumption;  // does not cross: for whoever ends the transaction

  void Fields(auto&& field) {
    field("checksum", checksum);
    field("changed", changed);
    field("rootContents", rootContents);
    field("rootMetadata", rootMetadata);
    field("stats", stats);
  }
};

// What the commit is built on: the head of the branch, where it is for one. The branch must still name it
// when it moves.
Nullable<std::string> ParentOf(OstreeRepo* handle, const CommitSpec& spec, GCancellable* cancellable);
// What the branch's move is, in the transaction of the commit.
std::vector<RefUpdate> UpdatesOf(const CommitSpec& spec, const Nullable<std::string>& parent,
                                 const CommitResult& result);

// Writes the tree, the commit and what belongs to it into the handle's open
// transaction; no ref. `parent` is settled by the caller.
CommitResult WriteCommit(OstreeRepo* handle, const CommitSpec& spec, const Nullable<std::string>& parent,
                         const CommitMetadata& metadata, Job& job);

// The metadata arguments that follow a CommitSpec.
CommitMetadata NextCommitMetadata(Args& args);

Napi::Value CommitCreate(const Napi::CallbackInfo& info);

}  // namespace ostree
