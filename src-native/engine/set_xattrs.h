// Extended attributes as objects have them, given to files.
#pragma once

#include <string>

#include "engine/metadata.h"

namespace ostree {

// a(ayay), or null for none. A failure names the path.
void SetXattrs(int fd, GVariant* xattrs, const PathName& path);
// Of what cannot be opened: a symbolic link, a device.
void SetXattrsAt(int dir, const std::string& name, GVariant* xattrs, const PathName& path);

}  // namespace ostree
