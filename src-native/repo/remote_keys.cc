#include "remote_keys.h"

#include "core/validate.h"
#include "keyring.h"
#include "openpgp.h"
#include "remote_check.h"
#include "repo.h"
#include "saved_file.h"

namespace ostree {
namespace {

struct Subkey {
  std::string fingerprint;
  double created = 0, expires = 0;  // seconds since 1970; 0: never
  bool revoked = false, expired = false, invalid = false;

  void Fields(auto&& field) {
    field("fingerprint", fingerprint);
    field("created", created);
    field("expires", expires);
    field("revoked", revoked);
    field("expired", expired);
    field("invalid", invalid);
  }
};

struct UserId {
  std::string uid, name, comment, email;
  bool revoked = false, invalid = false;
  Nullable<std::string> advancedUrl, directUrl;  // where a Web Key Directory would have it

  void Fields(auto&& field) {
    field("uid", uid);
    field("name", name);
    field("comment", comment);
    field("email", email);
    field("revoked", revoked);
    field("invalid", invalid);
    field("advancedUrl", advancedUrl);
    field("directUrl", directUrl);
  }
};

struct GpgKey {
  std::vector<Subkey> subkeys;  // the first is the primary one
  std::vector<UserId> userIds;

  void Fields(auto&& field) {
    field("subkeys", subkeys);
    field("userIds", userIds);
  }
};

std::string Text(GVariant* dict, const char* key) {
  const char* text = "";
  g_variant_lookup(dict, key, "&s", &text);
  return text;
}

bool Flag(GVariant* dict, const char* key) {
  gboolean flag = FALSE;
  g_variant_lookup(dict, key, "b", &flag);
  return flag;
}

Nullable<std::string> MaybeText(GVariant* dict, const char* key) {
  const char* text = nullptr;
  g_variant_lookup(dict, key, "m&s", &text);
  Nullable<std::string> result;
  if (text) result = text;
  return result;
}

// libostree stores times big-endian.
double Time(GVariant* dict, const char* key) {
  gint64 time = 0;
  g_variant_lookup(dict, key, "x", &time);
  return static_cast<double>(GINT64_FROM_BE(time));
}

// OSTREE_GPG_KEY_GVARIANT_FORMAT: (aa{sv}aa{sv}a{sv})
GpgKey ParseKey(GVariant* variant) {
  GpgKey key;
  auto subkeys = Shared<GVariant>::Take(g_variant_get_child_value(variant, 0));
  for (gsize i = 0; i < g_variant_n_children(subkeys.get()); i++) {
    auto dict = Shared<GVariant>::Take(g_variant_get_child_value(subkeys.get(), i));
    auto* d = dict.get();
    key.subkeys.push_back({Text(d, "fingerprint"), Time(d, "created"), Time(d, "expires"), Flag(d, "revoked"),
                           Flag(d, "expired"), Flag(d, "invalid")});
  }
  auto uids = Shared<GVariant>::Take(g_variant_get_child_value(variant, 1));
  for (gsize i = 0; i < g_variant_n_children(uids.get()); i++) {
    auto dict = Shared<GVariant>::Take(g_variant_get_child_value(uids.get(), i));
    auto* d = dict.get();
    key.userIds.push_back({Text(d, "uid"), Text(d, "name"), Text(d, "comment"), Text(d, "email"),
                           Flag(d, "revoked"), Flag(d, "invalid"), MaybeText(d, "advanced_url"),
                           MaybeText(d, "direct_url")});
  }
  return key;
}

Bytes ReadKeys(const std::string& path, GCancellable* cancellable) {
  auto file = Shared<GFile>::Take(g_file_new_for_path(path.c_str()));
  try {
    auto bytes = Shared<GBytes>::Take(Try(g_file_load_bytes, file.get(), cancellable, nullptr));
    gsize size = 0;
    auto* data = static_cast<const uint8_t*>(g_bytes_get_data(bytes.get(), &size));
    return size ? Bytes(data, data + size) : Bytes();
  } catch (Failure& failure) {
    failure.path = path;
    throw;
  }
}

// All of it in one stream, as the command chains its repeated --keyring. Of several, gpg reads armour only as
// far as it is the same all along.
Shared<GInputStream> OpenSource(const KeySource& source, GCancellable* cancellable) {
  auto pieces = source.data;
  for (const auto& path : source.files) pieces.push_back(ReadKeys(path, cancellable));
  auto stream = Shared<GInputStream>::Take(g_memory_input_stream_new());
  for (const auto& piece : pieces) {
    auto bytes = pieces.size() > 1 ? ToPackets(piece) : piece;
    g_memory_input_stream_add_bytes(G_MEMORY_INPUT_STREAM(stream.get()),
                                    Shared<GBytes>::Take(g_bytes_new(bytes.data(), bytes.size())).get());
  }
  return stream;
}

}  // namespace

unsigned ImportKeys(OstreeRepo* repo, const std::string& remote, const KeySource& source,
                    GCancellable* cancellable) {
  auto stream = OpenSource(source, cancellable);
  std::vector<const char*> ids;
  for (const auto& id : source.keyIds) ids.push_back(id.c_str());
  ids.push_back(nullptr);
  guint imported = 0;
  Try(ostree_repo_remote_gpg_import, repo, remote.c_str(), stream.get(),
      source.keyIds.empty() ? nullptr : ids.data(), &imported, cancellable);
  return imported;
}

// Which keys `source` selects, gpg knows: the keyring that has come of it tells.
unsigned ImportUsableKeys(OstreeRepo* repo, const std::string& remote, const KeySource& source,
                          GCancellable* cancellable) {
  auto directory = ostree_repo_get_dfd(repo);
  auto name = KeyringName(remote);
  if (auto keyring = ReadKeyring(directory, name)) CheckKeyring(*keyring, name);
  SavedFile before(directory, name);
  auto imported = ImportKeys(repo, remote, source, cancellable);
  try {
    CheckKeyring(ReadKeyring(directory, name).value_or(Bytes()), name);
  } catch (const Failure&) {
    before.Restore();
    throw;
  }
  return imported;
}

// ostree_repo_remote_gpg_import
Napi::Value RemoteImportKeys(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  auto source = args.Next<KeySource>("keys");
  return Async(args, repo->UpdateWork(), [repo, name, source](Job& job) {
    CheckRemoteName(name, "name");
    auto handle = repo->OpenWriter(job.cancellable());
    return WithRemote(name, [&] { return ImportUsableKeys(handle.get(), name, source, job.cancellable()); });
  });
}

// ostree_repo_remote_get_gpg_keys
Napi::Value RemoteKeys(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto name = args.Next<std::string>("name");
  return Async(args, repo->UpdateWork(), [repo, name](Job& job) {
    CheckRemoteName(name, "name");
    auto handle = repo->OpenWriter(job.cancellable());
    Owned<GPtrArray> keys;
    WithRemote(name, [&] {
      CheckRemoteKeyrings(*repo, handle.get(), name);
      Try(ostree_repo_remote_get_gpg_keys, handle.get(), name.c_str(), nullptr, Out(keys), job.cancellable());
    });
    std::vector<GpgKey> result;
    for (guint i = 0; i < keys->len; i++)
      result.push_back(ParseKey(static_cast<GVariant*>(g_ptr_array_index(keys.get(), i))));
    return result;
  });
}

}  // namespace ostree
