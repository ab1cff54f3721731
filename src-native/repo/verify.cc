#include "verify.h"

#include "core/validate.h"
#include "keyring.h"
#include "openpgp.h"
#include "remote_check.h"
#include "remote_keys.h"
#include "repo.h"
#include "scratch_directory.h"

namespace ostree {
namespace {

// All of OstreeGpgSignatureAttr but the user's name and address, with which libostree crashes (openpgp.h).
OstreeGpgSignatureAttr kAttributes[] = {
    OSTREE_GPG_SIGNATURE_ATTR_VALID,
    OSTREE_GPG_SIGNATURE_ATTR_SIG_EXPIRED,
    OSTREE_GPG_SIGNATURE_ATTR_KEY_EXPIRED,
    OSTREE_GPG_SIGNATURE_ATTR_KEY_REVOKED,
    OSTREE_GPG_SIGNATURE_ATTR_KEY_MISSING,
    OSTREE_GPG_SIGNATURE_ATTR_FINGERPRINT,
    OSTREE_GPG_SIGNATURE_ATTR_FINGERPRINT_PRIMARY,
    OSTREE_GPG_SIGNATURE_ATTR_TIMESTAMP,
    OSTREE_GPG_SIGNATURE_ATTR_EXP_TIMESTAMP,
    OSTREE_GPG_SIGNATURE_ATTR_PUBKEY_ALGO_NAME,
    OSTREE_GPG_SIGNATURE_ATTR_HASH_ALGO_NAME,
    OSTREE_GPG_SIGNATURE_ATTR_KEY_EXP_TIMESTAMP,
    OSTREE_GPG_SIGNATURE_ATTR_KEY_EXP_TIMESTAMP_PRIMARY,
};

using UserIds = std::map<std::string, UserId>;

// A repository of its own with one remote, whose keyring is exactly the given
// keys: with any other, libostree adds the keyrings of the repository or of the system.
class GivenKeys {
 public:
  static constexpr const char* kRemote = "given";

  GivenKeys(const std::vector<Bytes>& keys, GCancellable* cancellable)
      : repo_(Shared<OstreeRepo>::Take(Try(ostree_repo_create_at, AT_FDCWD, directory_.path().c_str(),
                                           OSTREE_REPO_MODE_ARCHIVE, nullptr, cancellable))) {
    Try(ostree_repo_remote_add, repo_.get(), kRemote, "file:///", nullptr, cancellable);
    // Without any key, the keyring must be there all the same: none at all means the system's.
    Try(g_file_set_contents, Keyring().c_str(), "", 0);
    for (size_t i = 0; i < keys.size(); i++) Import(keys[i], i, cancellable);
  }
  GivenKeys(const GivenKeys&) = delete;

  OstreeRepo* repo() const { return repo_.get(); }
  UserIds user_ids() const { return ReadUserIds(ReadKeyring(AT_FDCWD, Keyring()).value_or(Bytes())); }

 private:
  std::string Keyring() const { return directory_.path() + "/" + KeyringName(kRemote); }

  void Import(const Bytes& key, size_t index, GCancellable* cancellable) {
    unsigned imported = 0;
    try {
      imported = ImportKeys(repo_.get(), kRemote, {{key}, {}, {}}, cancellable);
    } catch (const Failure& failure) {
      if (!failure.Is("INVALID_ARGUMENT")) throw;
    }
    if (imported == 0)
      throw Failure("INVALID_ARGUMENT", "keys[" + std::to_string(index) +
                                            "] holds no GPG public key; give what gpg --export writes");
  }

  const ScratchDirectory directory_;
  Shared<OstreeRepo> repo_;
};

Shared<GVariant> Attribute(GVariant* tuple, OstreeGpgSignatureAttr attribute) {
  for (gsize i = 0; i < G_N_ELEMENTS(kAttributes); i++)
    if (kAttributes[i] == attribute) return Shared<GVariant>::Take(g_variant_get_child_value(tuple, i));
  return {};
}

// ostree_gpg_verify_result_describe_variant
std::string Describe(const GpgSignature& s) {
  auto all = Shared<GVariant>::Share(g_variant_new(
      "(bbbbbsxxsssssxx)", s.valid, s.expired, s.keyExpired, s.revoked, s.missing, s.fingerprint.c_str(),
      s.timestamp, s.expires, s.publicKeyAlgorithm.c_str(), s.hashAlgorithm.c_str(), s.userName.c_str(),
      s.userEmail.c_str(), s.fingerprintPrimary.c_str(), s.keyExpires, s.primaryKeyExpires));
  Owned<GString> text(g_string_new(nullptr));
  ostree_gpg_verify_result_describe_variant(all.get(), text.get(), "", OSTREE_GPG_SIGNATURE_FORMAT_DEFAULT);
  return ValidUtf8(g_strchomp(text->str));
}

// ostree_gpg_verify_result_get
GpgSignature ReadSignature(OstreeGpgVerifyResult* result, guint index) {
  auto tuple = Shared<GVariant>::Share(
      ostree_gpg_verify_result_get(result, index, kAttributes, G_N_ELEMENTS(kAttributes)));
  auto flag = [&](auto attr) { return g_variant_get_boolean(Attribute(tuple.get(), attr).get()) != FALSE; };
  auto time = [&](auto attr) { return g_variant_get_int64(Attribute(tuple.get(), attr).get()); };
  auto text = [&](auto attr) -> std::string {
    return g_variant_get_string(Attribute(tuple.get(), attr).get(), nullptr);
  };
  GpgSignature s;
  s.valid = flag(OSTREE_GPG_SIGNATURE_ATTR_VALID);
  s.expired = flag(OSTREE_GPG_SIGNATURE_ATTR_SIG_EXPIRED);
  s.keyExpired = flag(OSTREE_GPG_SIGNATURE_ATTR_KEY_EXPIRED);
  s.revoked = flag(OSTREE_GPG_SIGNATURE_ATTR_KEY_REVOKED);
  s.missing = flag(OSTREE_GPG_SIGNATURE_ATTR_KEY_MISSING);
  s.fingerprint = text(OSTREE_GPG_SIGNATURE_ATTR_FINGERPRINT);
  s.fingerprintPrimary = text(OSTREE_GPG_SIGNATURE_ATTR_FINGERPRINT_PRIMARY);
  s.publicKeyAlgorithm = text(OSTREE_GPG_SIGNATURE_ATTR_PUBKEY_ALGO_NAME);
  s.hashAlgorithm = text(OSTREE_GPG_SIGNATURE_ATTR_HASH_ALGO_NAME);
  s.timestamp = time(OSTREE_GPG_SIGNATURE_ATTR_TIMESTAMP);
  s.expires = time(OSTREE_GPG_SIGNATURE_ATTR_EXP_TIMESTAMP);
  s.keyExpires = time(OSTREE_GPG_SIGNATURE_ATTR_KEY_EXP_TIMESTAMP);
  s.primaryKeyExpires = time(OSTREE_GPG_SIGNATURE_ATTR_KEY_EXP_TIMESTAMP_PRIMARY);
  return s;
}

// What libostree is not asked for.
std::vector<GpgSignature> Complete(std::vector<GpgSignature> signatures, const UserIds& ids) {
  for (auto& s : signatures) {
    auto id = ids.find(s.fingerprintPrimary);
    if (id != ids.end()) std::tie(s.userName, s.userEmail) = std::tie(id->second.name, id->second.email);
    s.reason = Describe(s);
  }
  return signatures;
}

// The keyring that `ostree remote add --gpg-import` makes.
UserIds RemoteUserIds(const Repo& repo, OstreeRepo* handle, const std::string& remote) {
  auto keyring = ReadKeyring(ostree_repo_get_dfd(handle), KeyringName(remote));
  auto directory = repo.spec().remotesConfigDir.value_or("/etc/ostree/remotes.d");
  if (!keyring) keyring = ReadKeyring(AT_FDCWD, directory + "/" + KeyringName(remote));
  return ReadUserIds(keyring.value_or(Bytes()));
}

struct RemoteConfig {
  bool gpgVerify = true, gpgVerifySummary = false;
  std::map<std::string, std::string> options;

  void Fields(auto&& field) {
    field("gpgVerify", gpgVerify);
    field("gpgVerifySummary", gpgVerifySummary);
    field("options", options);
  }
};

RemoteConfig ReadConfig(OstreeRepo* repo, const std::string& name) {
  RemoteReader remote(repo, name);
  RemoteConfig config;
  config.gpgVerify = remote.Flag("gpg-verify", true);
  config.gpgVerifySummary = remote.Flag("gpg-verify-summary", false);
  for (const char* key : {"sign-verify", "sign-verify-summary", "verification-ed25519-key",
                          "verification-ed25519-file", "verification-spki-key", "verification-spki-file"})
    if (auto value = remote.Text(key)) config.options.emplace(key, *value);
  return config;
}

}  // namespace

// ostree_repo_gpg_verify_data
std::vector<GpgSignature> VerifySignatures(OstreeRepo* repo, const char* remote, const Bytes& data,
                                           const Bytes& signatures, GCancellable* cancellable) {
  auto signed_bytes = Shared<GBytes>::Take(g_bytes_new(data.data(), data.size()));
  auto signature_bytes = Shared<GBytes>::Take(g_bytes_new(signatures.data(), signatures.size()));
  auto result =
      Shared<OstreeGpgVerifyResult>::Take(Try(ostree_repo_gpg_verify_data, repo, remote, signed_bytes.get(),
                                              signature_bytes.get(), nullptr, nullptr, cancellable));
  std::vector<GpgSignature> list;
  for (guint i = 0; i < ostree_gpg_verify_result_count_all(result.get()); i++)
    list.push_back(ReadSignature(result.get(), i));
  return list;
}

// ostree_repo_gpg_verify_data, as ostree_repo_verify_commit_for_remote and ostree_repo_verify_summary do it.
// It runs gpg, so it is no work for the read pool; it changes nothing, so it waits for nobody, but a view's
// one handle is used by one operation at a time.
Napi::Value VerifyGpg(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto data = args.Next<Bytes>("data");
  auto signatures = args.Next<Bytes>("signatures");
  auto trust = args.Next<GpgTrust>("trust");
  auto executor = repo->is_view() ? repo->ReadWork() : OwnThread();
  return Async(args, executor, [repo, data, signatures, trust](Job& job) {
    if (trust.keys) {
      GivenKeys keys(*trust.keys, job.cancellable());
      auto found = VerifySignatures(keys.repo(), keys.kRemote, data, signatures, job.cancellable());
      return Complete(std::move(found), keys.user_ids());
    }
    auto reader = repo->OpenWriter(job.cancellable());
    if (!trust.remote)
      return Complete(VerifySignatures(reader.get(), nullptr, data, signatures, job.cancellable()), {});
    CheckRemoteName(*trust.remote, "remote");
    auto found = VerifySignatures(reader.get(), trust.remote->c_str(), data, signatures, job.cancellable());
    return Complete(std::move(found), RemoteUserIds(*repo, reader.get(), *trust.remote));
  });
}

// ostree_repo_get_remote_boolean_option, ostree_repo_get_remote_option
Napi::Value VerifyConfig(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto remote = args.Next<std::string>("remote");
  return Async(args, repo->ReadWork(), [repo, remote](Job& job) {
    CheckRemoteName(remote, "remote");
    auto handle = repo->OpenWriter(job.cancellable());
    return WithRemote(remote, [&] { return ReadConfig(handle.get(), remote); });
  });
}

}  // namespace ostree
