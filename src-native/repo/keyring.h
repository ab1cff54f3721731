// The GPG keyrings that libostree verifies what comes from a remote with. It
// describes the signatures that do not count, and crashes where the key's owner
// is not UTF-8, as keys from the last century have it: those keyrings are
// refused before it opens them.
#pragma once

#include "core/convert.h"

namespace ostree {

class Repo;

// A file of at most 128 MiB; nothing where there is none.
std::optional<Bytes> ReadKeyring(int directory, const std::string& name);

// The keyring of a remote's own, in the repository's directory.
std::string KeyringName(const std::string& remote);

// Throws NOT_SUPPORTED when libostree would crash on one of the keys that it lists for this remote; whether
// the remote has a keyring of its own.
bool CheckRemoteKeyrings(const Repo& repo, OstreeRepo* handle, const std::string& remote);
// Or on one that it trusts: the system's too, where the remote has no keyring of its own.
void CheckKeyrings(const Repo& repo, OstreeRepo* handle, const std::string& remote);
// The same for one keyring, `path` being its name in the message.
void CheckKeyring(const Bytes& keyring, const std::string& path);

}  // namespace ostree
