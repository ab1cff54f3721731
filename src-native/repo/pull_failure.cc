#include "pull_failure.h"

#include <sys/statvfs.h>

#include <regex>

#include "remote_check.h"

namespace ostree {
namespace {

std::optional<std::string> Match(const std::string& text, const char* pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern))) return {};
  return match[1].str();
}

GVariant* Reason(const std::string& reason, const std::string& key_id) {
  GVariantDict dict;
  g_variant_dict_init(&dict, nullptr);
  g_variant_dict_insert(&dict, "type", "s", "gpg");
  g_variant_dict_insert(&dict, "reason", "s", reason.c_str());
  if (!key_id.empty()) g_variant_dict_insert(&dict, "keyId", "s", key_id.c_str());
  return g_variant_dict_end(&dict);
}

// libostree's own description, without the name of the key's owner: it crashes on one that is not UTF-8.
Shared<GVariant> ReasonOf(OstreeGpgVerifyResult* result, guint index) {
  OstreeGpgSignatureAttr attributes[] = {
      OSTREE_GPG_SIGNATURE_ATTR_VALID,
      OSTREE_GPG_SIGNATURE_ATTR_SIG_EXPIRED,
      OSTREE_GPG_SIGNATURE_ATTR_KEY_EXPIRED,
      OSTREE_GPG_SIGNATURE_ATTR_KEY_REVOKED,
      OSTREE_GPG_SIGNATURE_ATTR_KEY_MISSING,
      OSTREE_GPG_SIGNATURE_ATTR_FINGERPRINT,
      OSTREE_GPG_SIGNATURE_ATTR_TIMESTAMP,
      OSTREE_GPG_SIGNATURE_ATTR_EXP_TIMESTAMP,
      OSTREE_GPG_SIGNATURE_ATTR_PUBKEY_ALGO_NAME,
      OSTREE_GPG_SIGNATURE_ATTR_HASH_ALGO_NAME,
  };
  auto tuple = Shared<GVariant>::Share(
      ostree_gpg_verify_result_get(result, index, attributes, G_N_ELEMENTS(attributes)));
  gboolean valid, sig_expired, key_expired, key_revoked, key_missing;
  const char *fingerprint, *key_algorithm, *hash_algorithm;
  gint64 timestamp, expires;
  g_variant_get(tuple.get(), "(bbbbb&sxx&s&s)", &valid, &sig_expired, &key_expired, &key_revoked,
                &key_missing, &fingerprint, &timestamp, &expires, &key_algorithm, &hash_algorithm);
  if (valid) return {};
  auto all = Shared<GVariant>::Share(g_variant_new("(bbbbbsxxsssssxx)", valid, sig_expired, key_expired,
                                                   key_revoked, key_missing, fingerprint, timestamp, expires,
                                                   key_algorithm, hash_algorithm, "[unknown name]",
                                                   "[unknown email]", fingerprint, expires, expires));
  Owned<GString> text(g_string_new(nullptr));
  ostree_gpg_verify_result_describe_variant(all.get(), text.get(), "", OSTREE_GPG_SIGNATURE_FORMAT_DEFAULT);
  return Shared<GVariant>::Share(Reason(ValidUtf8(g_strchomp(text->str)), fingerprint));
}

void SetSignatureDetails(Failure& failure, const std::vector<Shared<GVariant>>& reasons) {
  GVariantBuilder list;
  g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
  for (const auto& reason : reasons) g_variant_builder_add_value(&list, reason.get());
  if (reasons.empty()) g_variant_builder_add_value(&list, Reason(failure.message, ""));
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert_value(&details, "reasons", g_variant_builder_end(&list));
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
}

// The object's type is in the text, where it is not a file.
void SetCorruptDetails(Failure& failure) {
  if (!failure.checksum) return;
  auto type = Match(failure.message, "(commit|dirtree|dirmeta|file)(?: object|\\b)").value_or("file");
  GVariantDict object;
  g_variant_dict_init(&object, nullptr);
  g_variant_dict_insert(&object, "type", "s", type.c_str());
  g_variant_dict_insert(&object, "checksum", "s", failure.checksum->c_str());
  auto* entry = g_variant_dict_end(&object);
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert_value(&details, "objects", g_variant_new_array(G_VARIANT_TYPE_VARDICT, &entry, 1));
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
}

void SetHttpDetails(Failure& failure, const std::string& base_url) {
  auto status = Match(failure.message, "Server returned (?:HTTP|status) (\\d+)");
  if (!status) return;
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert(&details, "status", "i", std::stoi(*status));
  auto url = Match(failure.message, "While fetching (\\S+): ").value_or(base_url);
  g_variant_dict_insert(&details, "url", "s", url.c_str());
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
}

// libostree tells sizes as people read them: 1.5 kB.
std::optional<double> ParseSize(const std::string& text) {
  char* unit = nullptr;
  auto number = g_ascii_strtod(text.c_str(), &unit);
  for (const auto& [name, factor] :
       {std::pair{"bytes", 1.0}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}})
    if (std::string_view(unit).find(name) != std::string_view::npos) return number * factor;
  return {};
}

void SetSpaceDetails(Failure& failure, OstreeRepo* repo) {
  struct statvfs st;
  auto required = Match(failure.message, "(?:at least|requires) ([0-9.,]+\\S* ?\\w+)(?: requested| free)");
  auto size = required ? ParseSize(*required) : std::nullopt;
  if (!size || fstatvfs(ostree_repo_get_dfd(repo), &st) < 0) return;
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert(&details, "required", "d", *size);
  g_variant_dict_insert(&details, "available", "d",
                        static_cast<double>(st.f_bavail) * static_cast<double>(st.f_frsize));
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
}

std::string BaseUrl(OstreeRepo* repo, const std::string& remote) {
  try {
    RemoteReader reader(repo, remote);
    if (auto url = reader.Text("url")) return *url;
    return reader.Text("metalink").value_or("");
  } catch (const Failure&) {
    return "";
  }
}

// A commit of a local source that lacks objects, if there is one among what was asked for.
std::optional<std::string> PartialCommit(const PullOptions& options) {
  if (!options.from_file() || !options.refs) return {};
  auto path = Shared<GFile>::Take(g_file_new_for_uri(options.source.c_str()));
  auto source = Shared<OstreeRepo>::Take(ostree_repo_new(path.get()));
  if (!ostree_repo_open(source.get(), nullptr, nullptr)) return {};
  for (const auto& ref : *options.refs) {
    Owned<char> checksum;
    OstreeRepoCommitState state;
    ostree_repo_resolve_rev(source.get(), ref.c_str(), TRUE, Out(checksum), nullptr);
    if (!checksum) continue;
    Shared<GVariant> commit;
    bool loaded = ostree_repo_load_commit(source.get(), checksum.get(), Out(commit), &state, nullptr);
    if (loaded && (state & OSTREE_REPO_COMMIT_STATE_PARTIAL)) return checksum.get();
  }
  return {};
}

// Those of the refs that the remote is asked what commit they name.
std::vector<std::string> AskedFor(const PullOptions& options, const std::vector<std::string>& refs) {
  std::vector<std::string> asked;
  if (!options.collectionRefs.empty()) {
    for (const auto& ref : options.collectionRefs)
      if (!ref.checksum) asked.push_back(ref.ref);
    return asked;
  }
  for (const auto& ref : refs)
    if (!options.overrideCommits.contains(ref)) asked.push_back(ref);
  return asked;
}

std::string Quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

}  // namespace

GpgReasons::GpgReasons(OstreeRepo* repo) : handler_(repo, "gpg-verify-result", G_CALLBACK(OnResult), this) {}

void GpgReasons::OnResult(OstreeRepo*, const char*, OstreeGpgVerifyResult* result, gpointer data) {
  auto* self = static_cast<GpgReasons*>(data);
  self->reasons_.clear();  // of a commit that passed
  for (guint i = 0; i < ostree_gpg_verify_result_count_all(result); i++)
    if (auto reason = ReasonOf(result, i)) self->reasons_.push_back(reason);
}

void ExplainFetchFailure(Failure& failure, OstreeRepo* repo, const std::string& remote) {
  failure.remote = remote;
  if (failure.Is("HTTP")) SetHttpDetails(failure, BaseUrl(repo, remote));
  if (failure.Is("SIGNATURE")) SetSignatureDetails(failure, {});
}

void ExplainPullFailure(Failure& failure, OstreeRepo* repo, const PullOptions& options,
                        const std::vector<std::string>& refs, const GpgReasons& gpg) {
  ExplainFetchFailure(failure, repo, options.source);
  // A compressed file that ends too early reads as a connection that was closed, and so does the part of a
  // delta.
  bool truncated = options.from_file() || failure.message.find("Input buffer too small") != std::string::npos;
  if (truncated && failure.Is("NETWORK")) failure.code = "CORRUPT";
  if (auto ref = Match(failure.message, "No such branch (?:'|\\([^,]*, )([^')]+)['\\)]"))
    failure.ref = ref;
  else if (auto fetched = Match(failure.message, "Fetching checksum for ref \\([^,]*, ([^)]+)\\)"))
    failure.ref = fetched;
  else if (refs.size() == 1)
    failure.ref = refs.front();
  failure.checksum = Match(failure.message, "\\b([0-9a-f]{64})\\b");

  if (failure.Is("NOT_FOUND"))
    if (auto commit = PartialCommit(options)) {
      failure.code = "PARTIAL";
      failure.checksum = commit;
    }
  if (failure.Is("SIGNATURE")) SetSignatureDetails(failure, gpg.reasons());
  if (failure.Is("CORRUPT")) SetCorruptDetails(failure);
  if (failure.Is("NO_SPACE")) SetSpaceDetails(failure, repo);
}

// Where there is no summary, each ref is a file of the server, and so is the config before them: of what is
// not there libostree says only that the server returned 404.
void ExplainMissingRef(Failure& failure, OstreeRepo* repo, const PullOptions& options,
                       const std::vector<std::string>& refs) {
  if (!failure.Is("NOT_FOUND") || options.from_file()) return;
  const auto& remote = options.source;
  std::string why;
  if (failure.ref && failure.message.starts_with("No such branch ")) {
    why = "The remote '" + remote + "' has no ref '" + *failure.ref + "': see remotes.refs('" + remote +
          "') for those that it has";
  } else if (Match(failure.message, "^Server returned (?:HTTP|status) (404|410)")) {
    auto url = options.fetch.overrideUrl.value_or(BaseUrl(repo, remote));
    auto asked = AskedFor(options, refs);
    if (asked.size() == 1) failure.ref = asked.front();
    if (asked.empty())
      why = "There is no repository at " + url + ", the URL of the remote '" + remote + "'";
    else if (asked.size() == 1)
      why = "The remote '" + remote + "' has no ref '" + asked.front() + "', or there is no repository at " +
            url + ": check how they are spelt";
    else
      why = "The remote '" + remote + "' lacks one of the refs " + Quoted(asked) +
            ", or there is no repository at " + url + ": check how they are spelt";
  }
  if (!why.empty()) failure.message = ValidUtf8(why) + ". " + failure.message;
}

}  // namespace ostree
