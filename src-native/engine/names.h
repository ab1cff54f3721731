// File names and link targets that come off a disk: bytes, of which OSTree
// takes only UTF-8.
#pragma once

#include <string>

#include "core/failure.h"
#include "engine/metadata.h"

namespace ostree {

// A failure that names a path whose bytes may be anything.
Failure PathFailure(const char* code, const std::string& message, const std::string& path);

void CheckName(const std::string& name, const PathName& path);

// The target of a symbolic link.
void CheckTarget(const std::string& target, const PathName& path);

// The target of the link `name` in a directory, or, with "", of a link that was
// opened with O_PATH. One that is not UTF-8 is refused.
std::string ReadLink(int fd, const char* name, const PathName& path);

}  // namespace ostree
