#include "remote_check.h"

#include "core/validate.h"
#include "fetch_options.h"

namespace ostree {

std::optional<std::string> RemoteReader::Text(const char* key) const {
  Owned<char> value;
  Try(ostree_repo_get_remote_option, repo_, name_.c_str(), key, nullptr, Out(value));
  if (!value) return {};
  return ValidUtf8(value.get());
}

bool RemoteReader::Flag(const char* key, bool value_when_missing) const {
  gboolean value = FALSE;
  Try(ostree_repo_get_remote_boolean_option, repo_, name_.c_str(), key, value_when_missing, &value);
  return value;
}

std::vector<std::string> RemoteReader::List(const char* key) const {
  OwnedStrv values;
  Try(ostree_repo_get_remote_list_option, repo_, name_.c_str(), key, Out(values));
  std::vector<std::string> list;
  for (char** value = values.get(); value && *value; value++) list.push_back(ValidUtf8(*value));
  return list;
}

SummaryRules SummaryRulesOf(const RemoteReader& remote) {
  // The names of engines, or a boolean as key files have it.
  auto engines = remote.Text("sign-verify-summary").value_or("");
  bool any_engine = !engines.empty() && engines != "false" && engines != "0";
  return {remote.Flag("gpg-verify-summary", false), any_engine};
}

void CheckRemoteConfig(OstreeRepo* repo, const std::string& name) {
  RemoteReader remote(repo, name);
  for (const char* key : {"url", "metalink", "contenturl", "proxy", "tls-ca-path", "tls-client-cert-path",
                          "tls-client-key-path"}) {
    auto value = remote.Text(key).value_or("");
    if (value.size() > kMaxCurlString)
      throw Failure("INVALID_ARGUMENT", "The option " + std::string(key) + " of the remote " + name +
                                            " is longer than 1 MiB; shorten it");
    // libostree asserts that its curl has this engine; most have not, and none says so beforehand.
    if (value.starts_with("pkcs11:"))
      throw Failure("NOT_SUPPORTED", "The option " + std::string(key) + " of the remote " + name +
                                         " is a pkcs11: URI; give the path of a file");
  }
  // A name that is not valid becomes a null pointer inside libostree.
  for (const auto& branch : remote.List("branches")) CheckRef(branch, "A branch of the remote " + name);
}

}  // namespace ostree
