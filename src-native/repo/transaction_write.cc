#include "transaction_write.h"

#include <sys/stat.h>

#include <atomic>

#include "engine/batches.h"
#include "engine/dirtree.h"
#include "engine/file_check.h"
#include "engine/load_file.h"
#include "engine/load_metadata.h"
#include "engine/objects.h"
#include "engine/rules.h"
#include "engine/tree.h"
#include "engine/writer.h"
#include "file_set.h"
#include "objects.h"
#include "transaction.h"

namespace ostree {
namespace {

struct NamedObject {
  std::string name, checksum;

  void Fields(auto&& field) {
    field("name", name);
    field("checksum", checksum);
  }
};

struct NamedTree {
  std::string name, contents, metadata;

  void Fields(auto&& field) {
    field("name", name);
    field("contents", contents);
    field("metadata", metadata);
  }
};

struct WrittenObjects {
  std::vector<std::string> checksums;
  CommitStats stats;

  void Fields(auto&& field) {
    field("checksums", checksums);
    field("stats", stats);
  }
};

CommitStats StatsOf(const Tally& tally) {
  auto stats = tally.Stats();
  return {stats.content_objects, stats.content_written, stats.bytes_written, stats.metadata_written, 0, {}};
}

// Writes the files, links and directories' dirmetas of a set, each by itself.
class EntryWriter {
 public:
  EntryWriter(OstreeRepo* handle, GCancellable* cancellable)
      : rules_({}, handle), writer_(handle, cancellable, tally_), cancellable_(cancellable) {}

  WrittenObjects Write(const FileSet& set) {
    WrittenObjects written;
    for (const auto& entry : set.entries()) {
      ThrowIfCancelled(cancellable_);
      written.checksums.push_back(WriteEntry(set, entry).Hex());
    }
    written.stats = StatsOf(tally_);
    return written;
  }

 private:
  Checksum WriteEntry(const FileSet& set, const SetEntry& entry) {
    auto owner = rules_.Apply(entry.owner, nullptr);
    auto xattrs = rules_.keeps_xattrs() ? entry.xattrs : Xattrs();
    if (S_ISDIR(owner.mode)) {
      auto object = DirMeta(owner, xattrs);
      auto checksum = ChecksumOf(object.get());
      writer_.WriteMetadata(OSTREE_OBJECT_TYPE_DIR_META, checksum, object.get());
      return checksum;
    }
    tally_.ReadFile();
    auto header = ContentHeader(owner, entry.target, xattrs);
    if (S_ISLNK(owner.mode)) return writer_.WriteLink(header);
    SetContent content(set, entry);
    return writer_.WriteFile(header, content, buffer_);
  }

  Tally tally_{{}};
  const Rules rules_;
  ObjectWriter writer_;
  GCancellable* const cancellable_;
  ReadBuffer buffer_;
};

void CheckEntryName(const std::string& name) {
  bool valid = !name.empty() && name != "." && name != ".." && name.find('/') == name.npos;
  if (!valid) throw Failure("INVALID_ARGUMENT", "Not a name of a directory's entry: '" + name + "'");
}

// libostree asks for nothing, and fsck would find it missing.
Checksum Existing(OstreeRepo* handle, OstreeObjectType type, const std::string& checksum,
                  const std::string& name) {
  CheckChecksum(checksum);
  gboolean has = FALSE;
  Try(ostree_repo_has_object, handle, type, checksum.c_str(), &has, nullptr);
  ObjectId object{type, Checksum::FromHex(checksum)};
  if (has) return object.checksum;
  auto failure = ObjectFailure("NOT_FOUND", object, "No such object, which the tree has as '" + name + "'");
  failure.path = name;
  throw failure;
}

WrittenObjects WriteDirTree(OstreeRepo* handle, const std::vector<NamedObject>& files,
                            const std::vector<NamedTree>& directories, GCancellable* cancellable) {
  TreeDir tree;
  std::deque<TreeDir> children;
  for (const auto& [name, checksum] : files) {
    ThrowIfCancelled(cancellable);
    CheckEntryName(name);
    tree.files[name].checksum = Existing(handle, OSTREE_OBJECT_TYPE_FILE, checksum, name);
  }
  for (const auto& [name, contents, metadata] : directories) {
    ThrowIfCancelled(cancellable);
    CheckEntryName(name);
    if (tree.files.contains(name))
      throw Failure("INVALID_ARGUMENT", "A tree with both a file and a directory '" + name + "'");
    auto& child = children.emplace_back();
    child.contents = Existing(handle, OSTREE_OBJECT_TYPE_DIR_TREE, contents, name);
    child.metadata = Existing(handle, OSTREE_OBJECT_TYPE_DIR_META, metadata, name);
    tree.dirs[name] = &child;
  }
  Tally tally({});
  auto object = DirTree(tree);
  auto checksum = ChecksumOf(object.get());
  ObjectWriter(handle, cancellable, tally).WriteMetadata(OSTREE_OBJECT_TYPE_DIR_TREE, checksum, object.get());
  return {{checksum.Hex()}, StatsOf(tally)};
}

// Copies objects of another repository, on all cores.
class Importer {
 public:
  Importer(OstreeRepo* handle, Shared<OstreeRepo> source, bool trusted, GCancellable* cancellable)
      : handle_(handle), source_(std::move(source)), trusted_(trusted), cancellable_(cancellable) {}

  // How many were not here yet.
  uint64_t Import(const std::vector<ObjectName>& names) {
    std::vector<ObjectId> objects;
    for (const auto& name : names) objects.push_back(IdOf(name));
    auto new_check = [this] { return std::make_unique<FileCheck>(source_.get(), cancellable_); };
    RunInBatches(objects.size(), cancellable_, new_check,
                 [&](FileCheck& check, size_t i) { ImportOne(objects[i], check); });
    return imported_;
  }

 private:
  void ImportOne(const ObjectId& object, FileCheck& check) {
    auto hex = object.checksum.Hex();
    gboolean has = FALSE;
    Try(ostree_repo_has_object, handle_, object.type, hex.c_str(), &has, cancellable_);
    try {
      CheckSource(object, check);
      Try(ostree_repo_import_object_from_with_trust, handle_, source_.get(), object.type, hex.c_str(),
          trusted_, cancellable_);
    } catch (Failure& failure) {
      failure.checksum = hex;
      if (failure.Is("NETWORK")) failure.code = "CORRUPT";  // what ends early: there is no network here
      throw;
    }
    if (!has) imported_++;
  }

  // Of damaged objects, libostree reads what is not there, or ends the process.
  void CheckSource(const ObjectId& object, FileCheck& check) {
    if (object.type != OSTREE_OBJECT_TYPE_FILE) {
      LoadMetadata(source_.get(), object.type, object.checksum.Hex(), cancellable_);
      return;
    }
    check.CheckLoadable(object.checksum);
    auto file = LoadFile(source_.get(), object.checksum.Hex(), kFileXattrs, cancellable_);
    if (ostree_repo_get_mode(handle_) == OSTREE_REPO_MODE_BARE_USER_ONLY) CheckCanonical(object, file);
  }

  // A bare-user-only repository has nowhere to keep more, and its fsck would find the object corrupted.
  static void CheckCanonical(const ObjectId& object, const StoredFile& file) {
    const auto& info = file.info;
    bool plain_mode = info.is_symlink() || (info.mode & 07777 & ~0755u) == 0;
    bool has_xattrs = file.xattrs && g_variant_n_children(file.xattrs.get()) > 0;
    if (info.uid == 0 && info.gid == 0 && plain_mode && !has_xattrs) return;
    throw ObjectFailure("INVALID_ARGUMENT", object,
                        "A bare-user-only repository cannot keep its owner, mode or extended attributes");
  }

  OstreeRepo* const handle_;
  const Shared<OstreeRepo> source_;
  const bool trusted_;
  GCancellable* const cancellable_;
  std::atomic<uint64_t> imported_ = 0;
};

void CheckImportable(const std::vector<ObjectName>& names) {
  for (const auto& name : names) {
    auto type = IdOf(name).type;
    // libostree ends the process over others.
    if (type < OSTREE_OBJECT_TYPE_FILE || type > OSTREE_OBJECT_TYPE_COMMIT)
      throw Failure("INVALID_ARGUMENT", "Objects of this type cannot be imported: " + name.type);
  }
}

}  // namespace

// ostree_repo_write_content, ostree_repo_write_metadata
Napi::Value TransactionWriteFiles(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  auto files = args.Handle<FileSetHandle>("files");
  return Async(args, transaction->strand, [transaction, files](Job& job) {
    auto set = files->Get();
    set->Seal();
    auto written = EntryWriter(transaction->handle(), job.cancellable()).Write(*set);
    transaction->stats.Add(written.stats);
    return written;
  });
}

// ostree_repo_write_metadata
Napi::Value TransactionWriteTree(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  auto files = args.Next<std::vector<NamedObject>>("files");
  auto directories = args.Next<std::vector<NamedTree>>("directories");
  return Async(args, transaction->strand, [transaction, files, directories](Job& job) {
    auto written = WriteDirTree(transaction->handle(), files, directories, job.cancellable());
    transaction->stats.Add(written.stats);
    return written;
  });
}

// ostree_repo_import_object_from_with_trust
Napi::Value TransactionImport(const Napi::CallbackInfo& info) {
  Args args(info);
  auto transaction = args.Handle<Transaction>("transaction");
  auto source = args.Handle<Repo>("source");
  auto names = args.Next<std::vector<ObjectName>>("names");
  auto trusted = args.Next<bool>("trusted");
  return Async(args, transaction->strand, [transaction, source, names, trusted](Job& job) {
    // Its handle has work and a thread of its own.
    if (source->is_view())
      throw Failure("NOT_SUPPORTED",
                    "Objects cannot be imported from the repository of a transaction or lock");
    CheckImportable(names);
    return Importer(transaction->handle(), source->reader(), trusted, job.cancellable()).Import(names);
  });
}

}  // namespace ostree
