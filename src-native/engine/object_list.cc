#include "engine/object_list.h"

#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "core/entries.h"
#include "engine/loose.h"

namespace ostree {
namespace {

// In a file's name: what is left of the checksum, a dot, and the type.
constexpr size_t kNameDigits = OSTREE_SHA256_STRING_LEN - 2;

std::optional<OstreeObjectType> TypeOfExtension(std::string extension, OstreeRepoMode mode) {
  auto* file = mode == OSTREE_REPO_MODE_ARCHIVE ? "filez" : "file";
  if (extension == file) return OSTREE_OBJECT_TYPE_FILE;
  if (extension == "file") return {};
  return ObjectTypeNamed(extension);
}

std::optional<ObjectId> ObjectNamed(const std::string& prefix, const std::string& name, OstreeRepoMode mode) {
  if (name.size() <= kNameDigits + 1 || name[kNameDigits] != '.') return {};
  auto type = TypeOfExtension(name.substr(kNameDigits + 1), mode);
  auto checksum = prefix + name.substr(0, kNameDigits);
  if (!type || !ostree_validate_checksum_string(checksum.c_str(), nullptr)) return {};
  return ObjectId{*type, Checksum::FromHex(checksum)};
}

using FoundObjects = std::set<std::pair<Checksum, int>>;

std::string Prefix(unsigned directory) {
  constexpr char digits[] = "0123456789abcdef";
  return {digits[directory / 16 % 16], digits[directory % 16]};
}

std::vector<ObjectId> Listed(const FoundObjects& found) {
  std::vector<ObjectId> list;
  list.reserve(found.size());
  for (const auto& [checksum, type] : found) list.push_back({static_cast<OstreeObjectType>(type), checksum});
  return list;
}

void ListLoose(OstreeRepo* repo, const std::string& prefix, FoundObjects& found) {
  auto path = "objects/" + prefix;
  Fd fd(openat(ostree_repo_get_dfd(repo), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return;
  if (!fd) throw Failure::Errno("openat", path);
  auto add = [&](const char* name, unsigned char) {
    if (auto object = ObjectNamed(prefix, name, ostree_repo_get_mode(repo)))
      found.emplace(object->checksum, object->type);
  };
  if (!ReadEntries(fd.get(), add)) throw Failure::Errno("getdents64", path);
}

}  // namespace

std::optional<OstreeObjectType> ObjectTypeNamed(const std::string& name) {
  for (int type = OSTREE_OBJECT_TYPE_FILE; type <= OSTREE_OBJECT_TYPE_LAST; type++)
    if (name == ostree_object_type_to_string(static_cast<OstreeObjectType>(type)))
      return static_cast<OstreeObjectType>(type);
  return {};
}

std::vector<ObjectId> ListObjects(OstreeRepo* repo, unsigned directory, GCancellable* cancellable) {
  FoundObjects found;
  for (auto* place = repo; place; place = ostree_repo_get_parent(place)) {
    ThrowIfCancelled(cancellable);
    ListLoose(place, Prefix(directory), found);
  }
  return Listed(found);
}

std::vector<ObjectId> ListOwnObjects(OstreeRepo* repo, unsigned directory) {
  FoundObjects found;
  ListLoose(repo, Prefix(directory), found);
  return Listed(found);
}

uint64_t ObjectSize(OstreeRepo* repo, const ObjectId& object, GCancellable* cancellable) {
  auto hex = object.checksum.Hex();
  for (auto* place = repo; place; place = ostree_repo_get_parent(place)) {
    auto path = LoosePath(ostree_repo_get_mode(place), object.type, hex);
    struct stat status;
    if (fstatat(ostree_repo_get_dfd(place), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      return static_cast<uint64_t>(status.st_size);
    if (errno != ENOENT) throw Failure::Errno("fstatat", path);
  }
  try {
    // Of the transaction that this handle has open, or none.
    guint64 size = 0;
    Try(ostree_repo_query_object_storage_size, repo, object.type, hex.c_str(), &size, cancellable);
    return size;
  } catch (Failure& failure) {
    failure.checksum = hex;
    throw;
  }
}

}  // namespace ostree
