// The objects that a repository has, and their names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/links.h"

namespace ostree {

// Objects are kept in so many directories, by the first two digits of their checksums.
constexpr unsigned kObjectDirectories = 256;

// "dirtree"; nothing for what is not the name of a type.
std::optional<OstreeObjectType> ObjectTypeNamed(const std::string& name);

// Those in one of the directories, of the repository's parents too, sorted by their checksums. Unlike
// ostree_repo_list_objects(), of every type.
std::vector<ObjectId> ListObjects(OstreeRepo* repo, unsigned directory, GCancellable* cancellable);
// The same without its parents.
std::vector<ObjectId> ListOwnObjects(OstreeRepo* repo, unsigned directory);

// Bytes that an object takes up, in the repository or a parent of it. Fails with NOT_FOUND and the checksum.
uint64_t ObjectSize(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable);

}  // namespace ostree
