#include "scratch_directory.h"

#include <filesystem>

#include "core/failure.h"

namespace ostree {

ScratchDirectory::ScratchDirectory() : path_(std::string(g_get_tmp_dir()) + "/ostree-XXXXXX") {
  if (!mkdtemp(path_.data())) throw Failure::Errno("mkdtemp", path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ostree
