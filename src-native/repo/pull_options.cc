#include "pull_options.h"

#include <algorithm>

#include "core/validate.h"
#include "parents.h"

namespace ostree {
namespace {

// How often libostree updates its counters, in milliseconds.
constexpr uint32_t kUpdateFrequency = 100;

bool IsChecksum(const std::string& text) { return ostree_validate_checksum_string(text.c_str(), nullptr); }

void Refuse(bool wrong, const char* message) {
  if (wrong) throw Failure("INVALID_ARGUMENT", message);
}

GVariant* StringArray(const std::vector<std::string>& list) {
  std::vector<const char*> strings;
  for (const auto& text : list) strings.push_back(text.c_str());
  return g_variant_new_strv(strings.data(), static_cast<gssize>(strings.size()));
}

GVariant* ByteArray(const Bytes& bytes) {
  return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes.data(), bytes.size(), 1);
}

int Flags(const PullOptions& o) {
  int flags = o.trusted ? OSTREE_REPO_PULL_FLAGS_TRUSTED_HTTP : OSTREE_REPO_PULL_FLAGS_UNTRUSTED;
  if (o.mirror) flags |= OSTREE_REPO_PULL_FLAGS_MIRROR;
  if (o.commitOnly) flags |= OSTREE_REPO_PULL_FLAGS_COMMIT_ONLY;
  if (o.bareUserOnlyFiles) flags |= OSTREE_REPO_PULL_FLAGS_BAREUSERONLY_FILES;
  return flags;
}

// One for each ref, in order; empty where none is given.
std::vector<std::string> OverrideIds(const PullOptions& o) {
  std::vector<std::string> ids;
  for (const auto& ref : *o.refs) {
    auto found = o.overrideCommits.find(ref);
    ids.push_back(found == o.overrideCommits.end() ? "" : found->second);
  }
  return ids;
}

void CheckRefs(const PullOptions& o) {
  if (o.refs)
    for (const auto& ref : *o.refs)
      if (!IsChecksum(ref)) CheckRef(ref, "refs");
  for (const auto& [ref, checksum] : o.overrideCommits) {
    Refuse(!o.refs || std::find(o.refs->begin(), o.refs->end(), ref) == o.refs->end(),
           "overrideCommits must name refs that are pulled");
    CheckChecksum(checksum, "overrideCommits");
  }
  for (const auto& ref : o.collectionRefs) {
    CheckCollectionId(ref.collectionId, "collectionRefs");
    CheckRef(ref.ref, "collectionRefs");
    if (ref.checksum) CheckChecksum(*ref.checksum, "collectionRefs");
  }
  for (const auto& keyring : o.keyrings) {
    CheckCollectionId(keyring.collectionId, "keyrings");
    CheckRef(keyring.ref, "keyrings");
    CheckRemoteName(keyring.remote, "keyrings");
  }
}

void AddRefs(GVariantDict* dict, const PullOptions& o) {
  if (o.refs) g_variant_dict_insert_value(dict, "refs", StringArray(*o.refs));
  if (!o.overrideCommits.empty())
    g_variant_dict_insert_value(dict, "override-commit-ids", StringArray(OverrideIds(o)));
  if (!o.collectionRefs.empty()) {
    GVariantBuilder refs;
    g_variant_builder_init(&refs, G_VARIANT_TYPE("a(sss)"));
    for (const auto& ref : o.collectionRefs)
      g_variant_builder_add(&refs, "(sss)", ref.collectionId.c_str(), ref.ref.c_str(),
                            ref.checksum.value_or("").c_str());
    g_variant_dict_insert_value(dict, "collection-refs", g_variant_builder_end(&refs));
  }
  if (!o.keyrings.empty()) {
    GVariantBuilder keyrings;
    g_variant_builder_init(&keyrings, G_VARIANT_TYPE("a(sss)"));
    for (const auto& keyring : o.keyrings)
      g_variant_builder_add(&keyrings, "(sss)", keyring.collectionId.c_str(), keyring.ref.c_str(),
                            keyring.remote.c_str());
    g_variant_dict_insert_value(dict, "ref-keyring-map", g_variant_builder_end(&keyrings));
  }
}

void AddVerification(GVariantDict* dict, const PullOptions& o) {
  if (o.gpgVerify) g_variant_dict_insert(dict, "gpg-verify", "b", *o.gpgVerify);
  if (o.gpgVerifySummary) g_variant_dict_insert(dict, "gpg-verify-summary", "b", *o.gpgVerifySummary);
  g_variant_dict_insert(dict, "disable-sign-verify", "b", o.disableSignVerify);
  g_variant_dict_insert(dict, "disable-sign-verify-summary", "b", o.disableSignVerifySummary);
  g_variant_dict_insert(dict, "disable-verify-bindings", "b", o.disableVerifyBindings);
  g_variant_dict_insert(dict, "timestamp-check", "b", o.timestampCheck);
  if (o.timestampCheckFromRev)
    g_variant_dict_insert(dict, "timestamp-check-from-rev", "s", o.timestampCheckFromRev->c_str());
  if (o.summary) {
    g_variant_dict_insert_value(dict, "summary-bytes", ByteArray(o.summary->bytes));
    g_variant_dict_insert_value(dict, "summary-sig-bytes", ByteArray(o.summary->signatures));
  }
}

}  // namespace

void CheckPullOptions(const PullOptions& o) {
  if (!o.from_file()) CheckRemoteName(o.source, "remote");
  if (o.overrideRemoteName) CheckRemoteName(*o.overrideRemoteName, "overrideRemoteName");
  CheckRefs(o);
  auto is_commit = [](const auto& list) {
    return list && std::any_of(list->begin(), list->end(), IsChecksum);
  };
  Refuse(o.depth < -1, "depth must be -1 or more");
  Refuse(o.timestampCheck && o.depth != 0, "timestampCheck does not go with depth");
  Refuse(o.timestampCheck && is_commit(o.refs), "timestampCheck needs refs, not checksums");
  Refuse(!o.collectionRefs.empty() && (o.refs || !o.overrideCommits.empty()),
         "collectionRefs goes neither with refs nor with overrideCommits");
  Refuse(o.dryRun && o.deltas != "required", "dryRun needs deltas: 'required'");
  if (o.timestampCheckFromRev) CheckRev(*o.timestampCheckFromRev, "timestampCheckFromRev");
  if (o.subdirs)
    for (const auto& path : *o.subdirs) Refuse(!path.starts_with('/'), "subdirs must begin with a slash");
}

PullOptions OptionsFor(OstreeRepo* repo, PullOptions options) {
  if (!HasArchiveAbove(repo)) return options;
  if (options.deltas == "required")
    throw Failure("NOT_SUPPORTED",
                  "A bare repository whose parent is an archive cannot be pulled into by deltas");
  options.deltas = "off";
  return options;
}

Shared<GVariant> ToVariant(const PullOptions& o, bool inherit_transaction) {
  GVariantDict dict;
  g_variant_dict_init(&dict, nullptr);
  o.fetch.AddTo(&dict);
  AddRefs(&dict, o);
  AddVerification(&dict, o);
  g_variant_dict_insert(&dict, "flags", "i", Flags(o));
  g_variant_dict_insert(&dict, "depth", "i", o.depth);
  if (o.subdirs) g_variant_dict_insert_value(&dict, "subdirs", StringArray(*o.subdirs));
  if (o.overrideRemoteName)
    g_variant_dict_insert(&dict, "override-remote-name", "s", o.overrideRemoteName->c_str());
  g_variant_dict_insert(&dict, "disable-static-deltas", "b", o.deltas == "off");
  g_variant_dict_insert(&dict, "require-static-deltas", "b", o.deltas == "required");
  g_variant_dict_insert(&dict, "dry-run", "b", o.dryRun);
  g_variant_dict_insert(&dict, "per-object-fsync", "b", o.perObjectFsync);
  g_variant_dict_insert(&dict, "inherit-transaction", "b", inherit_transaction);
  // A dry run makes a timer of it that is always due, so that nothing else has its turn.
  if (!o.dryRun) g_variant_dict_insert(&dict, "update-frequency", "u", kUpdateFrequency);
  if (!o.localCacheRepos.empty())
    g_variant_dict_insert_value(&dict, "localcache-repos", StringArray(o.localCacheRepos));
  if (o.maxMetadataSize)
    g_variant_dict_insert(&dict, "max-metadata-size", "t", static_cast<guint64>(*o.maxMetadataSize));
  return Shared<GVariant>::Share(g_variant_dict_end(&dict));
}

}  // namespace ostree
