// Who the keys of a GPG keyring belong to. libostree would tell, but crashes on
// a user ID that is not UTF-8, as keys from the last century have it.
#pragma once

#include "core/convert.h"

namespace ostree {

struct UserId {
  std::string name, email;
};

// The first user ID of each primary key, by the key's fingerprint (40 upper-case
// hex digits). `keyring` is what `gpg --export` writes; reading ends where it is
// nothing that a keyring holds.
std::map<std::string, UserId> ReadUserIds(const Bytes& keyring);

// The packets in what a file of keys may be: a keyring, binary or armoured, or a keybox of gpg's.
Bytes ToPackets(const Bytes& keys);

// A key one of whose user IDs is not UTF-8.
struct Owner {
  std::string fingerprint, id;  // the ID as it can be shown
};

// The first such key in a file of keys.
std::optional<Owner> OwnerNotUtf8(const Bytes& keys);

}  // namespace ostree
