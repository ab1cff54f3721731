#include "remotes.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "core/validate.h"
#include "core/variant.h"
#include "key_value.h"
#include "keyring.h"
#include "remote_check.h"
#include "remote_keys.h"
#include "repo.h"
#include "saved_file.h"

namespace ostree {
namespace {

struct RemoteEntry {
  std::string name;
  Nullable<std::string> url;

  void Fields(auto&& field) {
    field("name", name);
    field("url", url);
  }
};

// The options that libostree reads, in its own types; what else is in the section in `settings`.
struct RemoteConfig {
  Nullable<std::string> url, metalink, contentUrl, collectionId, proxy, customBackend, unconfiguredState,
      tlsClientCertPath, tlsClientKeyPath, tlsCaPath;
  std::vector<std::string> branches, gpgKeyPath;
  bool gpgVerify = true, gpgVerifySummary = false, tlsPermissive = false;
  Nullable<bool> http2;                                 // null: the library's own default
  Nullable<std::string> signVerify, signVerifySummary;  // a boolean or a list, as it stands there
  std::vector<KeyValue> settings;

  void Fields(auto&& field) {
    field("url", url);
    field("metalink", metalink);
    field("contentUrl", contentUrl);
    field("collectionId", collectionId);
    field("branches", branches);
    field("gpgVerify", gpgVerify);
    field("gpgVerifySummary", gpgVerifySummary);
    field("gpgKeyPath", gpgKeyPath);
    field("signVerify", signVerify);
    field("signVerifySummary", signVerifySummary);
    field("proxy", proxy);
    field("http2", http2);
    field("tlsPermissive", tlsPermissive);
    field("tlsClientCertPath", tlsClientCertPath);
    field("tlsClientKeyPath", tlsClientKeyPath);
    field("tlsCaPath", tlsCaPath);
    field("customBackend", customBackend);
    field("unconfiguredState", unconfiguredState);
    field("settings", settings);
  }
};

const std::set<std::string> kTypedKeys = {"url",
                                          "metalink",
                                          "contenturl",
                                          "collection-id",
                                          "branches",
                                          "proxy",
                                          "custom-backend",
                                          "http2",
                                          "gpg-verify",
                                          "gpg-verify-summary",
                                          "gpgkeypath",
                                          "sign-verify",
                                          "sign-verify-summary",
                                          "tls-permissive",
                                          "tls-client-cert-path",
                                          "tls-client-key-path",
                                          "tls-ca-path",
                                          "unconfigured-state"};

std::string Section(const std::string& name) { return "remote \"" + name + "\""; }

// NOT_FOUND when there is no such remote: looking up any option tells.
void CheckExists(OstreeRepo* repo, const std::string& name) { RemoteReader(repo, name).Text("url"); }

bool Exists(OstreeRepo* repo, const std::string& name) {
  try {
    CheckExists(repo, name);
    return true;
  } catch (const Failure& failure) {
    if (failure.Is("NOT_FOUND")) return false;
    throw;
  }
}

// Where remotes may be configured beside the repository's config.
std::optional<std::string> RemotesDirectory(const Repo& repo, OstreeRepo* handle) {
  if (repo.spec().remotesConfigDir) return repo.spec().remotesConfigDir;
  if (ostree_repo_is_system(handle)) return "/etc/ostree/remotes.d";
  return {};
}

// The key file that has the remote's section: the repository's config, or a file of
// the directory for remotes, which libostree reads but does not hand out.
Owned<GKeyFile> FileOf(const Repo& repo, OstreeRepo* handle, const std::string& name) {
  Owned<GKeyFile> config(ostree_repo_copy_config(handle));
  if (g_key_file_has_group(config.get(), Section(name).c_str())) return config;
  auto directory = RemotesDirectory(repo, handle);
  if (!directory) return nullptr;
  Owned<GKeyFile> file(g_key_file_new());
  auto path = *directory + "/" + name + ".conf";
  bool loaded = g_key_file_load_from_file(file.get(), path.c_str(), G_KEY_FILE_NONE, nullptr);
  if (!loaded || !g_key_file_has_group(file.get(), Section(name).c_str())) return nullptr;
  return file;
}

using KeyValues = std::vector<std::pair<std::string, std::string>>;  // as ordered in the file

KeyValues AllKeys(GKeyFile* file, const std::string& name) {
  KeyValues all;
  if (!file) return all;
  auto section = Section(name);
  OwnedStrv keys(Try(g_key_file_get_keys, file, section.c_str(), nullptr));
  for (char** key = keys.get(); *key; key++) {
    Owned<char> value(g_key_file_get_string(file, section.c_str(), *key, nullptr));
    if (!value) value = Owned<char>(Try(g_key_file_get_value, file, section.c_str(), *key));
    all.emplace_back(ValidUtf8(*key), ValidUtf8(value.get()));
  }
  return all;
}

Nullable<std::string> OrNull(std::optional<std::string> value) {
  Nullable<std::string> result;
  if (value) result = std::move(*value);
  return result;
}

// What add() takes for this remote: its URL, or that of its metalink with its prefix.
Nullable<std::string> UrlOf(OstreeRepo* repo, const std::string& name) {
  RemoteReader remote(repo, name);
  if (auto url = remote.Text("url")) return OrNull(url);
  if (auto metalink = remote.Text("metalink")) return OrNull("metalink=" + *metalink);
  return {};
}

RemoteConfig ReadConfig(const Repo& repo, OstreeRepo* handle, const std::string& name) {
  RemoteReader remote(handle, name);
  auto text = [&](const char* key) { return OrNull(remote.Text(key)); };
  RemoteConfig config;
  config.url = text("url");
  config.metalink = text("metalink");
  config.contentUrl = text("contenturl");
  config.collectionId = text("collection-id");
  config.branches = remote.List("branches");
  config.gpgVerify = remote.Flag("gpg-verify", true);
  config.gpgVerifySummary = remote.Flag("gpg-verify-summary", false);
  config.gpgKeyPath = remote.List("gpgkeypath");
  config.signVerify = text("sign-verify");
  config.signVerifySummary = text("sign-verify-summary");
  config.proxy = text("proxy");
  if (remote.Text("http2")) config.http2 = remote.Flag("http2", true);
  config.tlsPermissive = remote.Flag("tls-permissive", false);
  config.tlsClientCertPath = text("tls-client-cert-path");
  config.tlsClientKeyPath = text("tls-client-key-path");
  config.tlsCaPath = text("tls-ca-path");
  config.customBackend = text("custom-backend");
  config.unconfiguredState = text("unconfigured-state");
  for (const auto& [key, value] : AllKeys(FileOf(repo, handle, name).get(), name))
    if (!kTypedKeys.contains(key)) config.settings.push_back({key, value});
  return config;
}

using Options = std::vector<std::pair<std::string, Shared<GVariant>>>;

Options Entries(GVariant* options) {
  Options entries;
  GVariantIter iter;
  g_variant_iter_init(&iter, options);
  const char* key = nullptr;
  GVariant* value = nullptr;
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value))
    entries.emplace_back(key, Shared<GVariant>::Take(value));
  return entries;
}

// libostree drops an option of another type without a word.
void CheckOptionTypes(GVariant* options) {
  for (const auto& [key, value] : Entries(options)) {
    bool known = g_variant_is_of_type(value.get(), G_VARIANT_TYPE_STRING) ||
                 g_variant_is_of_type(value.get(), G_VARIANT_TYPE_BOOLEAN) ||
                 g_variant_is_of_type(value.get(), G_VARIANT_TYPE_STRING_ARRAY);
    if (!known)
      throw Failure("INVALID_ARGUMENT", "The option " + key + " of a remote has the type " +
                                            g_variant_get_type_string(value.get()) +
                                            "; it must be a string, a boolean or a list of strings");
  }
}

// The remote's options as they stand, with `changes` over them; what is in `removed` goes.
Shared<GVariant> Merge(const KeyValues& current, GVariant* changes, const std::set<std::string>& removed) {
  Options merged;
  for (const auto& [key, value] : current)
    merged.emplace_back(key, Shared<GVariant>::Share(g_variant_new_string(value.c_str())));
  for (const auto& [key, value] : Entries(changes)) {
    auto same = std::find_if(merged.begin(), merged.end(), [&](const auto& old) { return old.first == key; });
    if (same == merged.end())
      merged.emplace_back(key, value);
    else
      same->second = value;
  }
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  for (const auto& [key, value] : merged)
    if (!removed.contains(key)) g_variant_builder_add(&builder, "{sv}", key.c_str(), value.get());
  return Shared<GVariant>::Share(g_variant_builder_end(&builder));
}

// url: the new one; without one, `options` have it or the remote needs none.
void Change(OstreeRepo* repo, OstreeRepoRemoteChange change, const std::string& name,
            const std::optional<std::string>& url, GVariant* options, GCancellable* cancellable) {
  Try(ostree_repo_remote_change, repo, nullptr, change, name.c_str(), url ? url->c_str() : nullptr, options,
      cancellable);
}

OstreeRepoRemoteChange AddKind(const std::string& kind) {
  if (kind == "replace") return OSTREE_REPO_REMOTE_CHANGE_REPLACE;
  if (kind == "if-not-exists") return OSTREE_REPO_REMOTE_CHANGE_ADD_IF_NOT_EXISTS;
  return OSTREE_REPO_REMOTE_CHANGE_ADD;
}

// A remote without the keys it was to have would refuse every pull: all or nothing.
class RemoteBefore {
 public:
  RemoteBefore(const Repo& repo, Shared<OstreeRepo> handle, const std::string& name)
      : handle_(std::move(handle)), name_(name), existed_(Exists(handle_.get(), name)) {
    int root = ostree_repo_get_dfd(handle_.get());
    if (!existed_) files_.emplace_back(root, KeyringName(name));  // of a former one
    if (!existed_) return;
    files_.emplace_back(root, "config");
    if (auto directory = RemotesDirectory(repo, handle_.get()))
      files_.emplace_back(AT_FDCWD, *directory + "/" + name + ".conf");
  }

  void Restore() const {
    if (!existed_) Try(ostree_repo_remote_delete, handle_.get(), name_.c_str(), nullptr);
    for (const auto& file : files_) file.Restore();
    Try(ostree_repo_reload_config, handle_.get(), nullptr);
  }

 private:
  const Shared<OstreeRepo> handle_;
  const std::string name_;
  const bool existed_;
  std::vector<SavedFile> files_;
};

}  // namespace

// ostree_repo_remote_list, ostree_repo_remote_get_url
Napi::Value RemoteList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, repo->UpdateWork(), [repo](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    std::vector<RemoteEntry> remotes;
    OwnedStrv names(ostree_repo_remote_list(handle.get(), nullptr));
    for (char** name = names.get(); name && *name; name++)
      remotes.push_back({*name, UrlOf(handle.get(), *name)});
    return remotes;
  });
}

// ostree_repo_get_remote_option and its kin
Napi::Value RemoteGet(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  return Async(args, repo->UpdateWork(), [repo, name](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    return WithRemote(name, [&] { return ReadConfig(*repo, handle.get(), name); });
  });
}

// ostree_repo_remote_change, ostree_repo_remote_gpg_import
Napi::Value RemoteAdd(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  auto url = args.Next<std::optional<std::string>>("url");
  auto options = MetadataFromJs(args.Next(), "options");
  auto kind = args.Next<std::string>("kind");
  auto keys = args.Next<std::optional<KeySource>>("keys");
  return Async(args, repo->UpdateWork(), [repo, name, url, options, kind, keys](Job& job) {
    CheckRemoteName(name, "name");
    CheckOptionTypes(options.get());
    auto handle = repo->OpenWriter(job.cancellable());
    WithRemote(name, [&] {
      RemoteBefore before(*repo, handle, name);
      Change(handle.get(), AddKind(kind), name, url, options.get(), job.cancellable());
      try {
        if (keys) ImportUsableKeys(handle.get(), name, *keys, job.cancellable());
      } catch (const Failure&) {
        before.Restore();
        throw;
      }
      repo->Reload(job.cancellable());
    });
  });
}

// ostree_repo_remote_change
Napi::Value RemoteRemove(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  auto if_exists = args.Next<bool>("ifExists");
  return Async(args, repo->UpdateWork(), [repo, name, if_exists](Job& job) {
    CheckRemoteName(name, "name");
    auto handle = repo->OpenWriter(job.cancellable());
    auto change = if_exists ? OSTREE_REPO_REMOTE_CHANGE_DELETE_IF_EXISTS : OSTREE_REPO_REMOTE_CHANGE_DELETE;
    WithRemote(name, [&] {
      Change(handle.get(), change, name, {}, nullptr, job.cancellable());
      repo->Reload(job.cancellable());
    });
  });
}

// ostree_repo_remote_change, which replaces all options: those not named stay as they are
Napi::Value RemoteSetOptions(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  auto changes = MetadataFromJs(args.Next(), "options");
  auto removed_list = args.Next<std::vector<std::string>>("removed");
  std::set<std::string> removed(removed_list.begin(), removed_list.end());
  return Async(args, repo->UpdateWork(), [repo, name, changes, removed](Job& job) {
    CheckRemoteName(name, "name");
    CheckOptionTypes(changes.get());
    auto handle = repo->OpenWriter(job.cancellable());
    WithRemote(name, [&] {
      CheckExists(handle.get(), name);
      auto file = FileOf(*repo, handle.get(), name);
      if (!file)
        throw Failure("NOT_SUPPORTED",
                      "The remote " + name + " is configured outside this repository; change it where it is");
      auto options = Merge(AllKeys(file.get(), name), changes.get(), removed);
      Change(handle.get(), OSTREE_REPO_REMOTE_CHANGE_REPLACE, name, {}, options.get(), job.cancellable());
      repo->Reload(job.cancellable());
    });
  });
}

}  // namespace ostree
