// What a pull may be told, and what of it libostree would abort on.
#pragma once

#include "fetch_options.h"

namespace ostree {

struct CollectionRefOption {
  std::string collectionId, ref;
  std::optional<std::string> checksum;

  void Fields(auto&& field) {
    field("collectionId", collectionId);
    field("ref", ref);
    field("checksum", checksum);
  }
};

// The ref of this collection is verified with the keys of that remote.
struct KeyringOption {
  std::string collectionId, ref, remote;

  void Fields(auto&& field) {
    field("collectionId", collectionId);
    field("ref", ref);
    field("remote", remote);
  }
};

// A summary fetched before, in place of asking for it again.
struct GivenSummary {
  Bytes bytes, signatures;

  void Fields(auto&& field) {
    field("bytes", bytes);
    field("signatures", signatures);
  }
};

struct PullOptions {
  std::string source;  // the name of a remote, or a file:// URL
  FetchOptions fetch;
  std::optional<std::vector<std::string>> refs, subdirs;
  std::map<std::string, std::string> overrideCommits;
  std::vector<CollectionRefOption> collectionRefs;
  std::vector<KeyringOption> keyrings;
  std::optional<GivenSummary> summary;
  int32_t depth = 0;
  bool mirror = false, commitOnly = false, trusted = false, bareUserOnlyFiles = false, dryRun = false;
  std::string deltas = "auto";
  std::optional<std::string> overrideRemoteName;
  std::optional<bool> gpgVerify, gpgVerifySummary;
  bool disableSignVerify = false, disableSignVerifySummary = false, disableVerifyBindings = false;
  bool timestampCheck = false, perObjectFsync = false;
  std::optional<std::string> timestampCheckFromRev;
  std::vector<std::string> localCacheRepos;
  std::optional<uint64_t> maxMetadataSize;
  std::optional<uint32_t> stallTimeout;  // milliseconds

  void Fields(auto&& field) {
    field("source", source);
    field("fetch", fetch);
    field("refs", refs);
    field("subdirs", subdirs);
    field("overrideCommits", overrideCommits);
    field("collectionRefs", collectionRefs);
    field("keyrings", keyrings);
    field("summary", summary);
    field("depth", depth);
    field("mirror", mirror);
    field("commitOnly", commitOnly);
    field("trusted", trusted);
    field("bareUserOnlyFiles", bareUserOnlyFiles);
    field("dryRun", dryRun);
    field("deltas", deltas);
    field("overrideRemoteName", overrideRemoteName);
    field("gpgVerify", gpgVerify);
    field("gpgVerifySummary", gpgVerifySummary);
    field("disableSignVerify", disableSignVerify);
    field("disableSignVerifySummary", disableSignVerifySummary);
    field("disableVerifyBindings", disableVerifyBindings);
    field("timestampCheck", timestampCheck);
    field("perObjectFsync", perObjectFsync);
    field("timestampCheckFromRev", timestampCheckFromRev);
    field("localCacheRepos", localCacheRepos);
    field("maxMetadataSize", maxMetadataSize);
    field("stallTimeout", stallTimeout);
  }

  bool from_file() const { return source.starts_with("file://"); }
};

// Throws INVALID_ARGUMENT. (lib/pull.ts refuses the same with better words.)
void CheckPullOptions(const PullOptions& options);

// What can be done in this repository: no deltas where libostree must not load what they are made against.
PullOptions OptionsFor(OstreeRepo* repo, PullOptions options);

// The a{sv} of ostree_repo_pull_with_options().
Shared<GVariant> ToVariant(const PullOptions& options, bool inherit_transaction);

}  // namespace ostree
