// The files that hold a repository's objects.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "core/failure.h"

namespace ostree {

// CORRUPT, naming the object.
Failure CorruptObject(OstreeObjectType type, const std::string& checksum, const std::string& why);
// Throws INVALID_ARGUMENT unless it is 64 lower-case hex digits: they become a path.
void CheckChecksum(const std::string& checksum);

// Below the directory of a repository of this mode.
std::string LoosePath(OstreeRepoMode mode, OstreeObjectType type, const std::string& checksum);

// Whether this repository (not its parent, nor an open transaction) has the file of the object.
bool HasLoose(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum);

struct LooseFile {
  Fd fd;
  struct stat stat;
};
// A regular file, open; nothing when this repository (not its parent) does not have the object.
std::optional<LooseFile> OpenLoose(OstreeRepo* repo, OstreeObjectType type, const std::string& checksum);

// The first `size` bytes of a file; fewer when it is shorter.
Shared<GBytes> ReadStart(int fd, size_t size);

}  // namespace ostree
