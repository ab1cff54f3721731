// The file objects that a repository itself has, by one listing: to list a directory takes a third of the
// time of asking for each of what is in it.
#pragma once

#include <array>
#include <vector>

#include "core/ptr.h"
#include "engine/checksum.h"

namespace ostree {

class FileObjects {
 public:
  // To look for so many of them. Where the repository has many more than these, it lists a few directories
  // or none.
  void List(OstreeRepo* repo, size_t wanted, GCancellable* cancellable);
  // Whether it was there when List() came by. False: it may be there nevertheless.
  bool Has(const Checksum& sum) const;

 private:
  std::array<std::vector<Checksum>, 256> by_first_byte_;  // sorted
};

}  // namespace ostree
