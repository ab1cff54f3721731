#include "config.h"

#include <fcntl.h>

#include "key_value.h"
#include "lock_config.h"
#include "parents.h"
#include "repo.h"
#include "saved_file.h"
#include "scratch_directory.h"

namespace ostree {
namespace {

struct Section {
  std::string name;
  std::vector<KeyValue> entries;

  void Fields(auto&& field) {
    field("name", name);
    field("entries", entries);
  }
};

OwnedStrv Groups(GKeyFile* config) { return OwnedStrv(g_key_file_get_groups(config, nullptr)); }

std::vector<Section> ToSections(GKeyFile* config) {
  std::vector<Section> sections;
  auto groups = Groups(config);
  for (char** group = groups.get(); *group; group++) {
    auto& section = sections.emplace_back(Section{ValidUtf8(*group), {}});
    OwnedStrv keys(Try(g_key_file_get_keys, config, *group, nullptr));
    for (char** key = keys.get(); *key; key++) {
      // What is no string (a bad escape, another encoding) is shown as it stands in the file.
      Owned<char> text(g_key_file_get_string(config, *group, *key, nullptr));
      if (!text) text = Owned<char>(Try(g_key_file_get_value, config, *group, *key));
      section.entries.push_back({ValidUtf8(*key), ValidUtf8(text.get())});
    }
  }
  return sections;
}

// Opens an empty repository with this config: what cannot be opened must not be written, for nothing could be
// opened, or set right, any more.
void TryOut(const Repo& repo, GKeyFile* config, GCancellable* cancellable) {
  ScratchDirectory scratch;
  auto empty = Shared<OstreeRepo>::Take(Try(ostree_repo_create_at, AT_FDCWD, scratch.path().c_str(),
                                            OSTREE_REPO_MODE_ARCHIVE, nullptr, cancellable));
  Try(g_key_file_save_to_file, config, (scratch.path() + "/config").c_str());
  try {
    CheckParents(scratch.path(), repo.spec().path);
    CheckLockTimeout(config);
    Try(ostree_repo_reload_config, empty.get(), cancellable);
  } catch (Failure& failure) {
    if (!failure.Is("CANCELLED")) failure.code = "INVALID_ARGUMENT";
    throw;
  }
}

}  // namespace

// ostree_repo_copy_config
Napi::Value ConfigRead(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return Async(args, repo->UpdateWork(), [repo](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    Owned<GKeyFile> config(ostree_repo_copy_config(handle.get()));
    return ToSections(config.get());
  });
}

// ostree_repo_write_config, ostree_repo_reload_config
Napi::Value ConfigWrite(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto group = args.Next<std::string>("group");
  auto key = args.Next<std::string>("key");
  auto value = args.Next<Nullable<std::string>>("value");
  return Async(args, repo->UpdateWork(), [repo, group, key, value](Job& job) {
    auto handle = repo->OpenWriter(job.cancellable());
    Owned<GKeyFile> config(ostree_repo_copy_config(handle.get()));
    if (value)
      g_key_file_set_string(config.get(), group.c_str(), key.c_str(), value->c_str());
    else if (g_key_file_has_key(config.get(), group.c_str(), key.c_str(), nullptr))
      Try(g_key_file_remove_key, config.get(), group.c_str(), key.c_str());
    TryOut(*repo, config.get(), job.cancellable());
    repo->CheckConfig(config.get());
    SavedFile before(ostree_repo_get_dfd(handle.get()), "config");
    Try(ostree_repo_write_config, handle.get(), config.get());
    try {
      repo->Reload(job.cancellable());
    } catch (const Failure&) {
      before.Restore();
      throw;
    }
    return repo->Info();
  });
}

}  // namespace ostree
