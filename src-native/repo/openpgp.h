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

}  // namespace ostree
