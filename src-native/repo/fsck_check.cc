#include "fsck_check.h"

#include <algorithm>

#include "engine/batches.h"
#include "engine/locate.h"
#include "fsck_refs.h"

namespace ostree {
namespace {

bool IsPartial(OstreeRepoCommitState state) { return state & OSTREE_REPO_COMMIT_STATE_PARTIAL; }

const char* KindName(BadObject::Kind kind) {
  switch (kind) {
    case BadObject::Kind::kMissing:
      return "missing";
    case BadObject::Kind::kUnreadable:
      return "unreadable";
    default:
      return "corrupt";
  }
}

// A link that leads nowhere is listed, and not there.
OstreeRepoCommitState StateIfThere(OstreeRepo* repo, const Checksum& commit) {
  try {
    return CommitState(repo, commit);
  } catch (const Failure& failure) {
    if (failure.Is("NOT_FOUND")) return OSTREE_REPO_COMMIT_STATE_NORMAL;
    throw;
  }
}

FsckFound Found(const ObjectId& object, const std::string& kind, const std::string& message) {
  return {{ostree_object_type_to_string(object.type), object.checksum.Hex()}, kind, ValidUtf8(message)};
}

ObjectId CommitId(const Checksum& checksum) { return {OSTREE_OBJECT_TYPE_COMMIT, checksum}; }

}  // namespace

FsckCheck::FsckCheck(OstreeRepo* repo, const FsckOptions& options, GCancellable* cancellable,
                     std::function<void(FsckProgress)> on_progress, FsckNews& news)
    : repo_(repo),
      options_(options),
      cancellable_(cancellable),
      on_progress_(std::move(on_progress)),
      news_(news),
      verifier_(
          repo, cancellable,
          [this](Verifier::Progress now) {
            on_progress_({now.objects, std::max<uint64_t>(total_, now.objects), now.bytes});
          },
          [this](const BadObject& bad) { news_.Add(Found(bad.object, KindName(bad.kind), bad.message)); }) {}

FsckReport FsckCheck::Run() {
  ListCommits();
  VerifyCommits();
  CheckRefs();
  for (const auto& [checksum, commit] : commits_) CheckCommit(checksum, commit);
  VerifyTrees();
  ReportBad();
  MarkPartial();
  report_.objects = verifier_.progress().objects;
  on_progress_({report_.objects, report_.objects, verifier_.progress().bytes});
  report_.verdict = Verdict();
  return std::move(report_);
}

FsckFinding& FsckCheck::Add(const ObjectId& object, const std::string& kind, const std::string& message) {
  auto found = Found(object, kind, message);
  FsckFinding finding;
  finding.object = found.object;
  finding.kind = found.kind;
  finding.message = found.message;
  return report_.findings.emplace_back(std::move(finding));
}

FsckFinding& FsckCheck::AddNew(const ObjectId& object, const std::string& kind, const std::string& message) {
  news_.Add(Found(object, kind, message));
  return Add(object, kind, message);
}

// Those that are there, and those that refs say are.
void FsckCheck::ListCommits() {
  refs_ = ListKeptRefs(repo_, cancellable_);
  for (const auto& checksum : ostree::ListCommits(repo_, cancellable_)) commits_[checksum].listed = true;
  for (const auto& ref : refs_) {
    if (!ostree_validate_checksum_string(ref.target.c_str(), nullptr)) continue;
    auto& names = commits_[Checksum::FromHex(ref.target)].refs;
    if (std::find(names.begin(), names.end(), ref.Print()) == names.end()) names.push_back(ref.Print());
  }
}

void FsckCheck::VerifyCommits() {
  std::vector<std::pair<Checksum, Commit*>> all;
  for (auto& [checksum, commit] : commits_) all.emplace_back(checksum, &commit);
  total_ = all.size();
  RunInBatches(all.size(), cancellable_, [&](size_t i) { VerifyCommit(all[i].first, *all[i].second); });
}

void FsckCheck::VerifyCommit(const Checksum& checksum, Commit& commit) {
  if (commit.listed) commit.state = StateIfThere(repo_, checksum);
  // `ostree fsck` leaves a partial commit alone, unless a ref names it.
  if (IsPartial(commit.state) && commit.refs.empty())
    commit.object = LoadIfSound(CommitId(checksum));
  else
    commit.object = verifier_.VerifyMetadata(CommitId(checksum));
  if (commit.object) commit.links = ParseCommit(commit.object.get());
}

Shared<GVariant> FsckCheck::LoadIfSound(const ObjectId& object) {
  try {
    return LoadMetadata(repo_, object);
  } catch (const Failure& failure) {
    if (failure.Is("CANCELLED")) throw;
    return {};
  }
}

void FsckCheck::CheckRefs() {
  for (const auto& ref : refs_) {
    if (!ostree_validate_checksum_string(ref.target.c_str(), nullptr)) {
      FsckFinding finding;
      finding.object = {"commit", ValidUtf8(ref.target)};
      finding.kind = "ref";
      finding.message = "Ref " + ref.Print() + " holds no checksum";
      finding.ref = ref.Print();
      news_.Add({finding.object, finding.kind, finding.message});
      report_.findings.push_back(finding);
      continue;
    }
    auto checksum = Checksum::FromHex(ref.target);
    const auto& commit = commits_.at(checksum);
    if (!commit.object || !(options_.verifyBindings || options_.verifyBackRefs)) continue;
    if (auto wrong = CheckBindings(commit.object.get(), ref)) {
      auto& finding = AddNew(CommitId(checksum), "binding", *wrong);
      finding.commits = {ref.target};
      finding.ref = ref.Print();
    }
  }
}

void FsckCheck::CheckCommit(const Checksum& checksum, const Commit& commit) {
  auto hex = checksum.Hex();
  if (commit.object && options_.verifyBackRefs)
    if (auto wrong = CheckBackRefs(repo_, commit.object.get(), hex, cancellable_))
      AddNew(CommitId(checksum), "back-ref", *wrong).commits = {hex};
  if (commit.object && options_.tombstones && commit.links.parent && !commits_.contains(*commit.links.parent))
    report_.withoutParent.push_back(hex);
  if (!IsPartial(commit.state)) {
    if (commit.listed) report_.commits++;
    return;
  }
  bool by_fsck = commit.state & OSTREE_REPO_COMMIT_STATE_FSCK_PARTIAL;
  auto* what = by_fsck ? "The commit lacks objects that an fsck found missing or deleted"
                       : "The commit is not here as a whole; its objects were not verified";
  AddNew(CommitId(checksum), by_fsck ? "fsck-partial" : "partial", what).commits = {hex};
}

void FsckCheck::VerifyTrees() {
  std::vector<Checksum> roots;
  for (const auto& [checksum, commit] : commits_)
    if (commit.object && !IsPartial(commit.state)) roots.push_back(commit.links.root.contents);
  auto read = [this](const Checksum& checksum) -> std::optional<TreeLinks> {
    auto dirtree = verifier_.VerifyMetadata({OSTREE_OBJECT_TYPE_DIR_TREE, checksum});
    if (!dirtree) return {};
    auto links = ParseDirTree(dirtree.get());
    total_ += 1 + links.files.size();
    return links;
  };
  graph_.Load(roots, read, cancellable_);

  TreeObjects objects;
  for (const auto& [checksum, commit] : commits_)
    if (commit.object && !IsPartial(commit.state)) graph_.Collect(commit.links.root, objects);
  total_ = commits_.size() + objects.size();

  std::vector<Checksum> dirmetas(objects.dirmetas.begin(), objects.dirmetas.end());
  RunInBatches(dirmetas.size(), cancellable_, [&](size_t i) {
    verifier_.VerifyMetadata({OSTREE_OBJECT_TYPE_DIR_META, dirmetas[i]});
  });
  // In the order of their names, and so directory by directory.
  std::vector<Checksum> files(objects.files.begin(), objects.files.end());
  std::sort(files.begin(), files.end());
  verifier_.VerifyFiles(files);
}

void FsckCheck::ReportBad() {
  if (verifier_.bad().empty()) return;
  std::vector<ObjectId> objects;
  for (const auto& bad : verifier_.bad()) objects.push_back(bad.object);
  Locator locator(repo_, graph_, objects);
  for (const auto& [checksum, commit] : commits_) {
    ThrowIfCancelled(cancellable_);
    if (commit.object && !IsPartial(commit.state)) locator.Search(checksum, commit.links.root);
  }

  std::vector<std::string> gone;
  for (const auto& bad : verifier_.bad()) {
    auto& finding = Add(bad.object, KindName(bad.kind), bad.message);
    const auto& places = locator.Of(bad.object);
    finding.paths.assign(places.paths.begin(), places.paths.end());
    for (const auto& commit : places.commits) finding.commits.push_back(commit.Hex());
    if (bad.object.type == OSTREE_OBJECT_TYPE_COMMIT) {
      const auto& refs = commits_.at(bad.object.checksum).refs;
      if (!refs.empty()) finding.ref = refs.front();
      finding.commits = {bad.object.checksum.Hex()};
    }
    if (options_.remove && bad.kind == BadObject::Kind::kCorrupt) Delete(bad.object, finding);
    bool is_commit = bad.object.type == OSTREE_OBJECT_TYPE_COMMIT;
    bool lacking = bad.kind == BadObject::Kind::kMissing || finding.deleted;
    if (lacking && !is_commit) lacking_.insert(finding.commits.begin(), finding.commits.end());
    if (finding.deleted && is_commit) gone.push_back(bad.object.checksum.Hex());
  }
  // They can be neither marked nor replaced by a tombstone.
  for (const auto& commit : gone) {
    lacking_.erase(commit);
    std::erase(report_.withoutParent, commit);
  }
}

void FsckCheck::Delete(const ObjectId& object, FsckFinding& finding) {
  if (!FsckObject(repo_, object, cancellable_)) return;  // it is sound after all
  try {
    Try(ostree_repo_delete_object, repo_, object.type, object.checksum.Hex().c_str(), cancellable_);
    finding.deleted = true;
  } catch (const Failure& failure) {
    // It stays what it was found to be; the rest can still be mended.
    if (failure.Is("CANCELLED")) throw;
  }
}

// As `ostree fsck`, but all of them once nothing corrupt is left to delete: what is killed before has an fsck
// look at them again, which leaves out those that are partial, and with them what is still corrupt.
void FsckCheck::MarkPartial() {
  if (options_.remove || options_.markPartial)
    for (const auto& commit : lacking_) MarkPartial(commit);
}

void FsckCheck::MarkPartial(const std::string& commit) {
  if (IsPartial(CommitState(repo_, Checksum::FromHex(commit)))) return;
  Try(ostree_repo_mark_commit_partial_reason, repo_, commit.c_str(), TRUE,
      OSTREE_REPO_COMMIT_STATE_FSCK_PARTIAL);
  report_.markedPartial.push_back(commit);
}

// 'corrupt' is when `ostree fsck` fails.
std::string FsckCheck::Verdict() const {
  auto is_partial = [](const FsckFinding& finding) { return finding.kind == "partial"; };
  if (report_.findings.empty()) return "ok";
  return std::all_of(report_.findings.begin(), report_.findings.end(), is_partial) ? "partial" : "corrupt";
}

}  // namespace ostree
