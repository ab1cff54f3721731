// The detached metadata of a commit: beside it, not covered by its checksum.
#pragma once

#include "core/convert.h"

namespace ostree {

// What a transaction writes of it, until the transaction ends: libostree keeps what one that was aborted had
// written, for the next to take over, and would publish signatures of that which never came to be.
class HeldDetached {
 public:
  // From now on WriteDetached() on this handle holds back what it is given, and reading finds it.
  explicit HeldDetached(OstreeRepo* repo);
  ~HeldDetached();
  HeldDetached(const HeldDetached&) = delete;

  void Write(GCancellable* cancellable);

  // That of this handle, or null.
  static HeldDetached* Of(OstreeRepo* repo);

  std::map<std::string, Shared<GVariant>> by_commit;

 private:
  OstreeRepo* const repo_;
};

// As it stands in the repository, or was written in the handle's own transaction; unchecked.
Shared<GVariant> LoadDetached(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable);
// Null when the commit has none. Damaged metadata is CORRUPT here: libostree
// marks it as trusted, and reads whatever it finds.
Shared<GVariant> ReadDetached(OstreeRepo* repo, const std::string& checksum, GCancellable* cancellable);
// Null removes it.
void WriteDetached(OstreeRepo* repo, const std::string& checksum, GVariant* metadata,
                   GCancellable* cancellable);

// A commit as it is stored; a failure names it.
Shared<GVariant> LoadCommitObject(OstreeRepo* repo, const std::string& checksum);
// The bytes of a commit, which are of that checksum: NOT_FOUND or CORRUPT otherwise.
Bytes ReadCommitBytes(OstreeRepo* repo, const std::string& checksum);

Napi::Value DetachedSet(const Napi::CallbackInfo& info);

}  // namespace ostree
