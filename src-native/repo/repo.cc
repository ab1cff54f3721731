#include "repo.h"

#include <fcntl.h>

#include "core/validate.h"
#include "lock_config.h"
#include "parents.h"

namespace ostree {
namespace {

const char* ModeName(OstreeRepoMode mode) {
  switch (mode) {
    case OSTREE_REPO_MODE_ARCHIVE:
      return "archive";
    case OSTREE_REPO_MODE_BARE_USER:
      return "bare-user";
    case OSTREE_REPO_MODE_BARE_USER_ONLY:
      return "bare-user-only";
    case OSTREE_REPO_MODE_BARE_SPLIT_XATTRS:
      return "bare-split-xattrs";
    default:
      return "bare";
  }
}

// g_object_new rather than ostree_repo_open_at: remotes-config-dir can only be given so.
Shared<OstreeRepo> OpenPath(const RepoSpec& spec, GCancellable* cancellable) {
  CheckParents(spec.path);
  auto path = Shared<GFile>::Take(g_file_new_for_path(spec.path.c_str()));
  auto repo = Shared<OstreeRepo>::Take(static_cast<OstreeRepo*>(
      g_object_new(OSTREE_TYPE_REPO, "path", path.get(), "remotes-config-dir",
                   spec.remotesConfigDir ? spec.remotesConfigDir->c_str() : nullptr, nullptr)));
  try {
    Try(ostree_repo_open, repo.get(), cancellable);
  } catch (Failure& failure) {
    failure.path = spec.path;
    throw;
  }
  return repo;
}

// What holds for every handle of a repository, however it was opened.
Shared<OstreeRepo> Prepare(Shared<OstreeRepo> repo, const RepoSpec& spec, GCancellable* cancellable) {
  if (!spec.fsync) ostree_repo_set_disable_fsync(repo.get(), TRUE);
  if (spec.cacheDir)
    Try(ostree_repo_set_cache_dir, repo.get(), AT_FDCWD, spec.cacheDir->c_str(), cancellable);
  return repo;
}

// Exclusive work inside a transaction: it would wait for its own transaction, or
// delete what that has found to be there already.
class OwnTransaction final : public Executor {
 public:
  explicit OwnTransaction(std::string what) : what_(std::move(what)) {}

  void Post(std::shared_ptr<Operation> operation) override {
    operation->set_waiting([what = what_] {
      return Failure("LOCKED", what +
                                   " needs the repository for itself, but this is the repository of a "
                                   "transaction; do it once that has ended");
    });
    operation->GiveUp();
  }

 private:
  const std::string what_;
};

// What gives something up must not fail for want of a thread: it is short, and where there is no thread it
// runs at once.
class GivingUp final : public Executor {
 public:
  void Post(std::shared_ptr<Operation> operation) override {
    RunLater([operation] { operation->Run(); });
  }
};

}  // namespace

Repo::Repo(RepoSpec spec, GCancellable* cancellable, Opener opener)
    : spec_(std::move(spec)),
      opener_(opener ? std::move(opener) : [this](GCancellable* c) { return OpenPath(spec_, c); }),
      reader_(OpenWriter(cancellable)) {
  gate_ = Gate::ForDirectory(ostree_repo_get_dfd(reader_.get()));
}

Repo::Repo(const Repo& parent, Shared<OstreeRepo> handle, std::shared_ptr<Executor> strand, Holds holds)
    : spec_(parent.spec_),
      strand_(std::move(strand)),
      in_transaction_(holds == Holds::kTransaction),
      has_lock_(TakesLocks(ostree_repo_get_config(handle.get()))),
      reader_(std::move(handle)),
      gate_(parent.gate_) {}

template <class T>
T Repo::WhileOpen(const T& part) const {
  std::lock_guard lock(mutex_);
  if (!part) throw Failure("CLOSED", "Repo " + spec_.path + " is closed");
  return part;
}

Shared<OstreeRepo> Repo::reader() const { return WhileOpen(reader_); }

Shared<OstreeRepo> Repo::OpenWriter(GCancellable* cancellable) const {
  if (strand_) return reader();
  auto repo = WhileOpen(opener_)(cancellable);
  CheckConfig(ostree_repo_get_config(repo.get()));
  return Prepare(std::move(repo), spec_, cancellable);
}

void Repo::Close() {
  Shared<OstreeRepo> last;
  Opener opener;
  std::lock_guard lock(mutex_);
  std::swap(last, reader_);
  std::swap(opener, opener_);
}

void Repo::Reload(GCancellable* cancellable) {
  if (strand_) {
    auto handle = reader();
    if (auto config = ReadConfigFile(handle.get())) CheckConfig(config.get());
    Try(ostree_repo_reload_config, handle.get(), cancellable);
    return;
  }
  auto fresh = OpenWriter(cancellable);
  std::lock_guard lock(mutex_);
  reader_ = fresh;
}

void Repo::CheckConfig(GKeyFile* config) const {
  try {
    CheckLockTimeout(config);
  } catch (Failure& failure) {
    failure.path = spec_.path;
    throw;
  }
  // It would be given back without having been taken.
  if (strand_ && !has_lock_ && TakesLocks(config))
    throw Failure("LOCKED",
                  "core.locking cannot be switched on through the repository of a transaction or lock that "
                  "began without; do it once that has ended");
}

RepoInfo Repo::Info() const {
  auto repo = reader();
  RepoInfo info;
  info.path = spec_.path;
  info.mode = ModeName(ostree_repo_get_mode(repo.get()));
  if (auto* id = ostree_repo_get_collection_id(repo.get())) info.collectionId = id;
  if (auto* parent = ostree_repo_get_parent(repo.get())) {
    auto path = Owned<char>(g_file_get_path(ostree_repo_get_path(parent)));
    if (path) info.parent = ValidUtf8(path.get());
  }
  info.writable = ostree_repo_is_writable(repo.get(), nullptr);
  return info;
}

std::shared_ptr<Executor> Repo::ReadWork() const { return strand_ ? strand_ : ReadPool(); }

std::shared_ptr<Executor> Repo::SharedReads(const std::string& what) const {
  return strand_ ? strand_ : gate_->Pass(Gate::Kind::kShared, what, ReadPool());
}

std::shared_ptr<Executor> Repo::SharedWork(const std::string& what) const {
  return strand_ ? strand_ : gate_->Pass(Gate::Kind::kShared, what, OwnThread());
}

std::shared_ptr<Executor> Repo::ExclusiveWork(const std::string& what) const {
  if (in_transaction_) return std::make_shared<OwnTransaction>(what);
  return strand_ ? strand_ : gate_->Pass(Gate::Kind::kExclusive, what, OwnThread());
}

std::shared_ptr<Executor> Repo::BranchWork(const std::string& branch) const {
  if (strand_ || branch.empty()) return SharedWork("a commit");
  return gate_->Pass(Gate::Kind::kShared, "a commit", gate_->Queue(branch));
}

std::shared_ptr<Executor> Repo::UpdateWork() const {
  return strand_ ? strand_ : gate_->Pass(Gate::Kind::kShared, "an update", gate_->updates());
}

std::shared_ptr<Executor> Repo::PeerWork() const { return Abandonable(strand_ ? strand_ : OwnThread()); }

namespace {

OpenedRepo Opened(std::shared_ptr<Repo> repo) { return {repo, repo->Info()}; }

OstreeRepoMode ParseMode(const std::string& text) {
  OstreeRepoMode mode;
  Try(ostree_repo_mode_from_string, text.c_str(), &mode);
  return mode;
}

}  // namespace

// ostree_repo_open
Napi::Value RepoOpen(const Napi::CallbackInfo& info) {
  Args args(info);
  auto spec = args.Next<RepoSpec>("spec");
  return Async(args, ReadPool(),
               [spec](Job& job) { return Opened(std::make_shared<Repo>(spec, job.cancellable())); });
}

// ostree_repo_create_at
Napi::Value RepoCreate(const Napi::CallbackInfo& info) {
  Args args(info);
  auto spec = args.Next<RepoSpec>("spec");
  auto mode_name = args.Next<std::string>("mode");
  auto collection_id = args.Next<std::optional<std::string>>("collectionId");
  return Async(args, OwnThread(), [spec, mode_name, collection_id](Job& job) {
    if (collection_id) CheckCollectionId(*collection_id, "collectionId");
    GVariantDict options;
    g_variant_dict_init(&options, nullptr);
    if (collection_id) g_variant_dict_insert(&options, "collection-id", "s", collection_id->c_str());
    auto variant = Shared<GVariant>::Share(g_variant_dict_end(&options));
    auto mode = ParseMode(mode_name);
    // Created and then opened: the handle that creates does not know the spec.
    try {
      Shared<OstreeRepo>::Take(
          Try(ostree_repo_create_at, AT_FDCWD, spec.path.c_str(), mode, variant.get(), job.cancellable()));
    } catch (Failure& failure) {
      failure.path = spec.path;
      throw;
    }
    return Opened(std::make_shared<Repo>(spec, job.cancellable()));
  });
}

// g_object_unref: not when the collector finds the handle, which it does not look for to have descriptors
Napi::Value RepoClose(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, std::make_shared<GivingUp>(), [repo](Job&) { repo->Close(); });
}

// ostree_repo_reload_config
Napi::Value RepoReload(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, repo->UpdateWork(), [repo](Job& job) {
    repo->Reload(job.cancellable());
    return repo->Info();
  });
}

}  // namespace ostree
