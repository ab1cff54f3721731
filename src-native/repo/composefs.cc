#include "composefs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/dynamic.h"
#include "core/validate.h"
#include "core/version.h"
#include "engine/batches.h"
#include "engine/load_file.h"
#include "engine/names.h"
#include "engine/new_file.h"
#include "engine/tree_check.h"
#include "engine/verity_digest.h"
#include "repo.h"
#include "repo_lock.h"
#include "rev.h"

namespace ostree {
namespace {

// libcomposefs has a node of some hundred bytes for every path.
constexpr uint64_t kMaxPaths = 10'000'000;
// It asserts that no file has more chunks than fit: 1024 of 2^43 bytes.
constexpr uint64_t kMaxFileSize = uint64_t{1} << 53;
// Of the option `verity`: no digests of files; those that the file system has; all of them.
constexpr uint32_t kVerityAll = 2;

struct ComposefsSpec {
  std::string rev, destination;
  uint32_t verity = kVerityAll;

  void Fields(auto&& field) {
    field("rev", rev);
    field("destination", destination);
    field("verity", verity);
  }
};

struct ComposefsImage {
  std::string checksum, digest;
  uint64_t size = 0;

  void Fields(auto&& field) {
    field("checksum", checksum);
    field("digest", digest);
    field("size", size);
  }
};

void RequireBuiltIn() {
  if (!BuiltWithComposefs())
    throw Failure("NOT_SUPPORTED", "This libostree, " + LibraryVersion() +
                                       ", was built without composefs: it takes libostree 2024.7 or later, "
                                       "built with it");
}

// Null for the default: 2024.7 and 2024.8 abort over any options at all, later versions over other numbers.
Shared<GVariant> OptionsOf(uint32_t verity) {
  if (verity == kVerityAll) return {};
  if (verity > kVerityAll) throw Failure("INVALID_ARGUMENT", "verity must be 0, 1 or 2");
  if (!ostree_check_version(2024, 9))
    throw Failure("NOT_SUPPORTED",
                  "A composefs image without all digests needs libostree 2024.9 or later; "
                  "this is " +
                      LibraryVersion());
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add(&builder, "{sv}", "verity", g_variant_new_uint32(verity));
  return Shared<GVariant>::Share(g_variant_builder_end(&builder));
}

// Each file, as far as CheckFiles() does not look at it.
void CheckEachFile(OstreeRepo* repo, const std::unordered_set<Checksum>& files, GCancellable* cancellable) {
  std::vector<Checksum> list(files.begin(), files.end());
  std::sort(list.begin(), list.end());
  RunInBatches(list.size(), cancellable, [&](size_t i) {
    ObjectId object{OSTREE_OBJECT_TYPE_FILE, list[i]};
    if (LoadFile(repo, list[i].Hex(), kFileInfo, cancellable).info.size > kMaxFileSize)
      throw ObjectFailure("TOO_LARGE", object, "It says to be larger than a file of composefs can be");
  });
}

// What libostree is going to read of a tree, and libcomposefs to write; the files in it.
std::unordered_set<Checksum> CheckTree(OstreeRepo* repo, TreeCheck& check, const TreeLinks::Dir& root,
                                       GCancellable* cancellable) {
  check.Load({root.contents});
  check.CheckDepth({root.contents});
  if (check.graph().Measure({root.contents}).entries > kMaxPaths)
    throw Failure("TOO_LARGE", "A tree of more than 10,000,000 paths is too large for composefs");
  TreeObjects objects;
  check.graph().Collect(root, objects);
  check.CheckDirectoryMetadata(objects.dirmetas);
  CheckFiles(repo, objects.files, cancellable);
  CheckEachFile(repo, objects.files, cancellable);
  return std::move(objects.files);
}

// A file to be, by its directory.
struct Destination {
  explicit Destination(const std::string& path) {
    CheckPath(path, "destination");
    auto slash = path.rfind('/');
    name = path.substr(slash == path.npos ? 0 : slash + 1);
    auto parent = slash == path.npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
    if (name.empty() || name == "." || name == "..")
      throw PathFailure("IS_DIRECTORY", "Not the path of a file", path);
    directory = Fd(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) throw Failure::Errno("open", parent);
    struct stat st;
    if (fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno != ENOENT) throw Failure::Errno("fstatat", path);
    } else if (S_ISDIR(st.st_mode)) {
      throw PathFailure("IS_DIRECTORY", "There is a directory where the image is to be", path);
    }
  }

  Fd directory;
  std::string name;
};

VerityDigest DigestOf(int directory, const char* name, const std::string& path, GCancellable* cancellable) {
  Fd image(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!image) throw Failure::Errno("openat", path);
  return VerityDigestOf(image.get(), path, cancellable);
}

// libostree looks at the cancellable before it begins, and hardly after that: the image gets its name only
// when nobody has cancelled meanwhile.
ComposefsImage WriteImage(OstreeRepo* repo, const std::string& commit, const ComposefsSpec& spec,
                          const Destination& destination, GCancellable* cancellable) {
  ComposefsImage image{commit, "", 0};
  auto options = OptionsOf(spec.verity);
  int directory = destination.directory.get();
  auto write = [&](const char* name) {
    try {
      Try(Dynamic().ostree_repo_checkout_composefs.get(), repo, options.get(), directory, name,
          commit.c_str(), cancellable);
      auto digest = DigestOf(directory, name, spec.destination, cancellable);
      image.digest = digest.hex;
      image.size = digest.size;
      return 0;
    } catch (const Failure&) {
      unlinkat(directory, name, 0);
      throw;
    }
  };
  ReplaceName(directory, destination.name, write, [&spec] { return spec.destination; });
  return image;
}

ComposefsImage CheckOut(OstreeRepo* repo, const ComposefsSpec& spec, GCancellable* cancellable) {
  auto commit = ResolveRev(repo, spec.rev);
  try {
    Destination destination(spec.destination);
    TreeCheck check(repo, TreeCheck::Missing::kFails, cancellable);
    auto root = check.Commit(Checksum::FromHex(commit))->root;
    auto files = CheckTree(repo, check, root, cancellable);
    try {
      return WriteImage(repo, commit, spec, destination, cancellable);
    } catch (const Failure& failure) {
      ThrowIfDamaged(failure, repo, files, cancellable);
      throw;
    }
  } catch (Failure& failure) {
    failure.ref = spec.rev;
    if (!failure.path && !failure.checksum) failure.path = spec.destination;
    ExplainMissing(repo, spec.rev, failure);
    throw;
  }
}

}  // namespace

void RequireComposefsMetadata() {
  Dynamic().ostree_repo_commit_add_composefs_metadata.get();
  RequireBuiltIn();
}

Shared<GVariant> WithComposefsDigest(OstreeRepo* repo, const WrittenTree& tree, GVariant* metadata,
                                     GFile* root, GCancellable* cancellable) {
  constexpr guint kFormat = 0;  // it aborts over any other
  TreeCheck check(repo, TreeCheck::Missing::kFails, cancellable);
  auto files = CheckTree(repo, check, {tree.contents, tree.metadata}, cancellable);
  auto dict = Shared<GVariantDict>::Take(g_variant_dict_new(metadata));
  try {
    Try(Dynamic().ostree_repo_commit_add_composefs_metadata.get(), repo, kFormat, dict.get(),
        OSTREE_REPO_FILE(root), cancellable);
  } catch (const Failure& failure) {
    ThrowIfDamaged(failure, repo, files, cancellable);
    throw;
  }
  ThrowIfCancelled(cancellable);  // it hardly looks
  return Shared<GVariant>::Share(g_variant_dict_end(dict.get()));
}

// ostree_repo_checkout_composefs. Abandonable: no cancel reaches libcomposefs.
Napi::Value ComposefsCheckout(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto spec = args.Next<ComposefsSpec>("spec");
  return Async(args, Abandonable(repo->SharedWork("a composefs image")), [repo, spec](Job& job) {
    Dynamic().ostree_repo_checkout_composefs.get();
    RequireBuiltIn();
    OptionsOf(spec.verity);
    auto handle = repo->OpenWriter(job.cancellable());
    RepoLockGuard lock(*repo, handle, OSTREE_REPO_LOCK_SHARED, job.cancellable());
    return CheckOut(handle.get(), spec, job.cancellable());
  });
}

}  // namespace ostree
