#include "sign.h"

#include <sys/stat.h>

#include "detached.h"
#include "repo.h"
#include "rev.h"
#include "signatures.h"
#include "verify.h"

namespace ostree {

namespace {

// A home that is not there is NOT_FOUND: gpg would only say that it has no such key.
void CheckHomedir(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) < 0) throw Failure::Errno("stat", path);
  if (S_ISDIR(st.st_mode)) return;
  Failure failure("NOT_DIRECTORY", "The home of gpg must be a directory: " + path);
  failure.path = path;
  throw failure;
}

bool IsSameKey(const GpgSignature& a, const GpgSignature& b) {
  return a.fingerprint == b.fingerprint ||
         (!a.fingerprintPrimary.empty() && a.fingerprintPrimary == b.fingerprintPrimary);
}

// Whether the key that made `signature` made one of the others, too. libostree
// asks gpg what `keyId` means, but by a keyring of the old format only.
bool IsSignedBySameKey(OstreeRepo* repo, const Bytes& data, const std::vector<Bytes>& others,
                       const Bytes& signature, GCancellable* cancellable) {
  if (others.empty()) return false;
  auto made = VerifySignatures(repo, nullptr, data, signature, cancellable);
  for (const auto& other : others) {
    try {
      for (const auto& found : VerifySignatures(repo, nullptr, data, other, cancellable))
        for (const auto& ours : made)
          if (IsSameKey(found, ours)) return true;
    } catch (const Failure& failure) {
      if (!failure.Is("SIGNATURE")) throw;  // what gpg cannot read is nobody's signature
    }
  }
  return false;
}

}  // namespace

// ostree_repo_gpg_sign_data
Bytes GpgSign(OstreeRepo* repo, const Bytes& data, const GpgSigner& signer, GCancellable* cancellable) {
  if (signer.homedir) CheckHomedir(*signer.homedir);
  const char* keys[] = {signer.keyId.c_str(), nullptr};
  auto bytes = Shared<GBytes>::Take(g_bytes_new(data.data(), data.size()));
  Shared<GBytes> result;
  Try(ostree_repo_gpg_sign_data, repo, bytes.get(), nullptr, keys, signer.homedir_or_null(), Out(result),
      cancellable);
  auto metadata =
      Shared<GVariant>::Share(g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, result.get(), FALSE));
  return SignaturesIn(metadata.get()).at(kGpgSignatures).at(0);
}

// What ostree_repo_sign_commit does, and ostree_repo_append_gpg_signature
void SignCommit(OstreeRepo* repo, const std::string& checksum, const GpgSigner& signer,
                GCancellable* cancellable) {
  try {
    auto data = ReadCommitBytes(repo, checksum);
    auto metadata = ReadDetached(repo, checksum, cancellable);
    auto signature = GpgSign(repo, data, signer, cancellable);
    auto others = SignaturesIn(metadata.get())[kGpgSignatures];
    if (IsSignedBySameKey(repo, data, others, signature, cancellable))
      throw Failure("EXISTS", "Commit is already signed with GPG key " + signer.keyId);
    auto changed = AddSignature(metadata.get(), kGpgSignatures, signature);
    WriteDetached(repo, checksum, changed.get(), cancellable);
  } catch (Failure& failure) {
    failure.checksum = checksum;
    throw;
  }
}

// As ostree_repo_sign_commit. Abandonable: gpg may ask somebody for a passphrase, and no cancel reaches it.
Napi::Value SignGpg(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto signer = args.Next<GpgSigner>("signer");
  return Async(args, Abandonable(repo->UpdateWork()), [repo, rev, signer](Job& job) {
    auto writer = repo->OpenWriter(job.cancellable());
    SignCommit(writer.get(), ResolveRev(writer.get(), rev), signer, job.cancellable());
  });
}

// ostree_repo_load_variant, ostree_repo_read_commit_detached_metadata
Napi::Value SignatureList(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  return Async(args, repo->ReadWork(), [repo, rev](Job& job) {
    auto reader = repo->reader();
    auto checksum = ResolveRev(reader.get(), rev);
    auto data = ReadCommitBytes(reader.get(), checksum);
    auto metadata = ReadDetached(reader.get(), checksum, job.cancellable());
    return SignedData{checksum, data, SignaturesIn(metadata.get())};
  });
}

// ostree_repo_write_commit_detached_metadata, as ostree_sign_commit and ostree_repo_append_gpg_signature do
// it
Napi::Value SignatureAdd(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto key = args.Next<std::string>("key");
  auto signature = args.Next<Bytes>("signature");
  return Async(args, repo->UpdateWork(), [repo, rev, key, signature](Job& job) {
    auto writer = repo->OpenWriter(job.cancellable());
    auto checksum = ResolveRev(writer.get(), rev);
    ReadCommitBytes(writer.get(), checksum);
    auto metadata = ReadDetached(writer.get(), checksum, job.cancellable());
    auto changed = AddSignature(metadata.get(), key, signature);
    WriteDetached(writer.get(), checksum, changed.get(), job.cancellable());
  });
}

// ostree_repo_write_commit_detached_metadata
Napi::Value SignatureRemove(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto unwanted = args.Next<SignatureMap>("unwanted");
  return Async(args, repo->UpdateWork(), [repo, rev, unwanted](Job& job) {
    auto writer = repo->OpenWriter(job.cancellable());
    auto checksum = ResolveRev(writer.get(), rev);
    ReadCommitBytes(writer.get(), checksum);
    auto metadata = ReadDetached(writer.get(), checksum, job.cancellable());
    auto removed = RemoveSignatures(metadata.get(), unwanted);
    if (removed.count) WriteDetached(writer.get(), checksum, removed.metadata.get(), job.cancellable());
    return removed.count;
  });
}

}  // namespace ostree
