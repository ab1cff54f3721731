#include "saved_file.h"

#include <fcntl.h>

#include "keyring.h"

namespace ostree {

SavedFile::SavedFile(int directory, std::string name)
    : directory_(directory), name_(std::move(name)), content_(ReadKeyring(directory_, name_)) {}

void SavedFile::Restore() const {
  if (ReadKeyring(directory_, name_) == content_) return;
  if (!content_) {
    if (unlinkat(directory_, name_.c_str(), 0) < 0 && errno != ENOENT) throw Failure::Errno("unlink", name_);
    return;
  }
  auto path = directory_ == AT_FDCWD ? name_ : "/proc/self/fd/" + std::to_string(directory_) + "/" + name_;
  auto file = Shared<GFile>::Take(g_file_new_for_path(path.c_str()));
  auto* data = reinterpret_cast<const char*>(content_->data());
  Try(g_file_replace_contents, file.get(), data, content_->size(), nullptr, FALSE, G_FILE_CREATE_NONE,
      nullptr, nullptr);
}

}  // namespace ostree
