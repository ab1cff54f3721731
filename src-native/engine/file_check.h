// Content objects against their names, straight from the files of a repository:
// no stream, file info or dictionary is made for any of them. It says "sound"
// only of what it has hashed; whatever else it meets is for libostree to judge.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/hash.h"
#include "engine/checksum.h"
#include "engine/inflate.h"
#include "engine/metadata.h"

namespace ostree {

class FileCheck {
 public:
  FileCheck(OstreeRepo* repo, GCancellable* cancellable);

  // False: not sound, or not to be told here. Fails only when cancelled.
  bool IsSound(const Checksum& checksum);
  // The same of an object that says it has `size` bytes of content: it must have just these. Of one that has
  // more, no more is hashed.
  bool IsSound(const Checksum& checksum, uint64_t size);
  // How much content was hashed since the last time.
  uint64_t TakeBytes();

  // To be asked before libostree loads an object that may be damaged: of some metadata it ends the process,
  // and of some it reads what is not there. Fails with CORRUPT for such an object. It ends the process as
  // well over an archive's object in a bare repository's parent: NOT_SUPPORTED.
  void CheckLoadable(const Checksum& checksum);
  // False: in this repository there are no such objects.
  static bool IsNeeded(OstreeRepo* repo);

 private:
  struct Store {
    Fd objects;  // the directory
    OstreeRepoMode mode;
  };
  // What stands before the content.
  struct Meta {
    Owner owner;
    std::string target;
    Xattrs xattrs;
    bool normal = true;  // not damaged
  };

  static std::vector<Store> Stores(OstreeRepo* repo);
  void CheckMetadata(const Store& store, const std::string& path, const std::string& hex);
  bool Hash(const Store& store, const std::string& hex);
  bool HashLink(const Store& store, const std::string& path);
  bool HashBareUser(int fd);
  bool HashArchive(int fd);
  bool HashFile(int fd, const Meta& meta);
  bool Inflate(int fd, size_t have);
  std::optional<Meta> ReadBareUserMeta(int fd);
  std::optional<Meta> ReadArchiveMeta(int fd, size_t first, size_t& have);
  static std::optional<Meta> ReadPlainMeta(const char* data, size_t size);
  void Skip(size_t size, size_t& have);
  bool Begin(const Meta& meta);
  void Data(const char* data, size_t size);
  size_t Read(int fd, char* buffer, size_t size);

  const std::vector<Store> stores_;  // the repository, its parent, and so on
  GCancellable* const cancellable_;
  const std::unique_ptr<char[]> in_, attribute_;
  Sha256 sha_;
  std::unique_ptr<Inflater> inflater_;  // once it is needed
  bool at_end_ = false;                 // the last Read() came to the end of its file
  uint64_t bytes_ = 0;
  uint64_t limit_ = UINT64_MAX;  // of bytes_
};

}  // namespace ostree
