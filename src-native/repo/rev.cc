#include "rev.h"

namespace ostree {
namespace {

// libostree puts names on the stack.
constexpr size_t kMaxName = 4096;

}  // namespace

std::string ResolveRev(OstreeRepo* repo, const std::string& rev, OstreeRepoResolveRevExtFlags flags) {
  if (rev.empty() || rev.size() > kMaxName)
    throw Failure("INVALID_ARGUMENT", "A revision must have 1 to 4096 bytes");
  try {
    Owned<char> checksum;
    // allow_noent stays FALSE: with TRUE, "missing^" crashes libostree.
    Try(ostree_repo_resolve_rev_ext, repo, rev.c_str(), FALSE, flags, Out(checksum));
    return checksum.get();
  } catch (Failure& failure) {
    failure.ref = rev;
    throw;
  }
}

}  // namespace ostree
