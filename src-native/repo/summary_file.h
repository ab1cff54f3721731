// The two files that a repository has of its summary.
#pragma once

#include "core/convert.h"

namespace ostree {

// Empty when there is none.
std::optional<Bytes> FindSummary(OstreeRepo* repo);
// NOT_FOUND when there is none.
Bytes ReadSummary(OstreeRepo* repo);
// The a{sv} in summary.sig; null when there is none.
Shared<GVariant> ReadSummarySignatures(OstreeRepo* repo);
// Both at once, but for a moment; null: nobody signed it.
void ReplaceSummary(OstreeRepo* repo, const Bytes& summary, GVariant* signatures);

// SHA-256, by which one summary is told from another.
std::string SummaryChecksum(const Bytes& summary);

}  // namespace ostree
