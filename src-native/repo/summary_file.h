// The two files that a repository has of its summary.
#pragma once

#include "core/convert.h"

namespace ostree {

// NOT_FOUND when there is none.
Bytes ReadSummary(OstreeRepo* repo);
// The a{sv} in summary.sig; null when there is none.
Shared<GVariant> ReadSummarySignatures(OstreeRepo* repo);
void WriteSummarySignatures(OstreeRepo* repo, GVariant* signatures, bool fsync);

}  // namespace ostree
