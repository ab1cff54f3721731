// A file as it was, for when what follows fails half way.
#pragma once

#include <string>

#include "core/convert.h"

namespace ostree {

class SavedFile {
 public:
  // Relative to the directory, which must stay open.
  SavedFile(int directory, std::string name);
  // Nothing is written where it is as it was.
  void Restore() const;

 private:
  const int directory_;
  const std::string name_;
  const std::optional<Bytes> content_;  // none: it was not there
};

}  // namespace ostree
