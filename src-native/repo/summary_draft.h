// A summary that is made beside the repository, signed, and then put in place together with its signatures:
// until then, those who pull have the old one.
#pragma once

#include "repo.h"
#include "signatures.h"

namespace ostree {

struct SummaryDraft {
  Bytes data;
  SignatureMap signatures;
  Nullable<std::string> replaces;  // the checksum of the summary there is; null: there is none

  void Fields(auto&& field) {
    field("data", data);
    field("signatures", signatures);
    field("replaces", replaces);
  }
};

// By a handle that holds a lock. Nothing of the repository changes but the indexes of its static deltas.
SummaryDraft DraftSummary(const Repo& repo, OstreeRepo* writer, GVariant* metadata,
                          GCancellable* cancellable);
// CONFLICT when there is another summary by now than the one it was to replace.
void InstallSummary(OstreeRepo* writer, const SummaryDraft& draft);

}  // namespace ostree
