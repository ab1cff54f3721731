#include "local_source.h"

#include <algorithm>
#include <set>

#include "engine/batches.h"
#include "engine/file_check.h"
#include "engine/objects.h"
#include "engine/tree_graph.h"
#include "parents.h"
#include "ref_targets.h"
#include "remote_check.h"

namespace ostree {
namespace {

// What libostree will read from a directory, or nothing.
Shared<OstreeRepo> OpenSource(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable) {
  if (options.commitOnly || options.deltas == "required") return {};
  auto url = options.from_file()         ? options.source
             : options.fetch.overrideUrl ? *options.fetch.overrideUrl
                                         : RemoteReader(repo, options.source).Text("url").value_or("");
  if (!url.starts_with("file://")) return {};
  auto file = Shared<GFile>::Take(g_file_new_for_uri(url.c_str()));
  Owned<char> path(g_file_get_path(file.get()));
  if (!path) return {};
  CheckParents(path.get());
  auto source = Shared<OstreeRepo>::Take(ostree_repo_new(file.get()));
  Try(ostree_repo_open, source.get(), cancellable);
  return source;
}

class SourceCheck {
 public:
  SourceCheck(OstreeRepo* repo, OstreeRepo* source, const PullOptions& options, GCancellable* cancellable)
      : repo_(repo), source_(source), options_(options), cancellable_(cancellable) {}

  std::vector<Checksum> Run() {
    for (const auto& commit : Named()) AddHistory(commit);
    std::vector<Checksum> dirtrees;
    for (const auto& root : roots_) dirtrees.push_back(root.contents);
    auto read = [this](const Checksum& dirtree) {
      return Parsed({OSTREE_OBJECT_TYPE_DIR_TREE, dirtree}, ParseDirTree);
    };
    graph_.Load(dirtrees, read, cancellable_);
    TreeObjects objects;
    objects.files = std::move(files_);
    for (const auto& root : roots_) graph_.Collect(root, objects);
    std::vector<Checksum> files(objects.files.begin(), objects.files.end());
    std::sort(files.begin(), files.end());
    CheckFiles(files);
    return files;
  }

 private:
  // What is missing, libostree reports in its own words, or does without.
  template <class Parse>
  auto Parsed(const ObjectId& object, const Parse& parse) const -> std::optional<decltype(parse(nullptr))> {
    try {
      return parse(LoadMetadata(source_, object).get());
    } catch (const Failure& failure) {
      if (failure.Is("NOT_FOUND")) return {};
      throw;
    }
  }

  std::vector<Checksum> Named() const {
    std::vector<Checksum> commits;
    auto add = [&](const std::string& text) {
      if (ostree_validate_checksum_string(text.c_str(), nullptr)) commits.push_back(Checksum::FromHex(text));
    };
    if (!options_.collectionRefs.empty()) {
      for (const auto& ref : options_.collectionRefs) add(ref.checksum ? *ref.checksum : Target(ref));
    } else if (options_.refs) {
      for (const auto& ref : *options_.refs) {
        auto over = options_.overrideCommits.find(ref);
        add(over != options_.overrideCommits.end() ? over->second : Target(ref));
      }
    } else if (options_.mirror) {
      for (const auto& ref : ListKeptRefs(source_, cancellable_)) add(ref.target);
    } else {
      for (const auto& ref : RemoteReader(repo_, options_.source).List("branches")) add(Target(ref));
    }
    return commits;
  }

  // Empty: there is none.
  std::string Target(const std::string& ref) const {
    if (ostree_validate_checksum_string(ref.c_str(), nullptr)) return ref;
    Owned<char> checksum;
    ostree_repo_resolve_rev_ext(source_, ref.c_str(), TRUE, OSTREE_REPO_RESOLVE_REV_EXT_NONE, Out(checksum),
                                nullptr);
    return checksum ? checksum.get() : "";
  }
  std::string Target(const CollectionRefOption& option) const {
    Owned<char> checksum;
    OstreeCollectionRef ref{const_cast<char*>(option.collectionId.c_str()),
                            const_cast<char*>(option.ref.c_str())};
    ostree_repo_resolve_collection_ref(source_, &ref, TRUE, OSTREE_REPO_RESOLVE_REV_EXT_NONE, Out(checksum),
                                       cancellable_, nullptr);
    return checksum ? checksum.get() : "";
  }

  void AddHistory(std::optional<Checksum> commit) {
    std::set<Checksum> passed;  // a damaged history may lead round in a circle
    for (int64_t depth = 0; commit && (options_.depth < 0 || depth <= options_.depth); depth++) {
      ThrowIfCancelled(cancellable_);
      bool is_new = seen_.insert(*commit).second;
      if (!passed.insert(*commit).second || (!is_new && options_.depth < 0)) return;
      auto links = Parsed({OSTREE_OBJECT_TYPE_COMMIT, *commit}, ParseCommit);
      if (!links) return;
      if (is_new && !IsHereAsAWhole(*commit)) AddRoots(*commit, links->root);
      commit = links->parent;
    }
  }

  bool IsHereAsAWhole(const Checksum& commit) const {
    OstreeRepoCommitState state{};
    return ostree_repo_load_commit(repo_, commit.Hex().c_str(), nullptr, &state, nullptr) &&
           !(state & OSTREE_REPO_COMMIT_STATE_PARTIAL);
  }

  void AddRoots(const Checksum& commit, const TreeLinks::Dir& root) {
    if (!options_.subdirs) return roots_.push_back(root);
    for (const auto& path : *options_.subdirs) {
      try {
        auto dir = LoadCommitRoot(source_, commit, path);
        roots_.push_back({dir.contents, dir.metadata});
      } catch (const Failure& failure) {
        if (failure.Is("NOT_DIRECTORY"))
          AddFile(commit, path);
        else if (!failure.Is("NOT_FOUND"))
          throw;
      }
    }
  }

  void AddFile(const Checksum& commit, const std::string& path) {
    auto slash = path.find_last_of('/');
    auto dir = LoadCommitRoot(source_, commit, path.substr(0, slash));
    for (const auto& file : LoadDirTree(source_, dir.contents).files)
      if (file.name == path.substr(slash + 1)) files_.insert(file.checksum);
  }

  void CheckFiles(const std::vector<Checksum>& files) const {
    if (!FileCheck::IsNeeded(source_)) return;
    auto new_check = [this] { return std::make_unique<FileCheck>(source_, cancellable_); };
    RunInBatches(files.size(), cancellable_, new_check, [&](FileCheck& check, size_t i) {
      gboolean is_here = FALSE;
      Try(ostree_repo_has_object, repo_, OSTREE_OBJECT_TYPE_FILE, files[i].Hex().c_str(), &is_here,
          cancellable_);
      if (!is_here) check.CheckLoadable(files[i]);
    });
  }

  OstreeRepo* const repo_;
  OstreeRepo* const source_;
  const PullOptions& options_;
  GCancellable* const cancellable_;
  std::set<Checksum> seen_;
  std::vector<TreeLinks::Dir> roots_;
  std::unordered_set<Checksum> files_;  // that were named
  TreeGraph graph_;
};

}  // namespace

LocalSource CheckLocalSource(OstreeRepo* repo, const PullOptions& options, GCancellable* cancellable) {
  LocalSource source{OpenSource(repo, options, cancellable), {}};
  if (source.repo) source.files = SourceCheck(repo, source.repo.get(), options, cancellable).Run();
  return source;
}

}  // namespace ostree
