#include "config_diff.h"

#include <sys/stat.h>

#include <algorithm>

#include "deployment.h"
#include "sysroot.h"

namespace ostree {
namespace {

// A path below /etc, beginning with '/', as it is (or, removed, was).
struct ConfigEntry {
  std::string path, type;
  uint32_t mode = 0, uid = 0, gid = 0;
  uint64_t size = 0;
  std::optional<std::string> target;  // of a symlink

  void Fields(auto&& field) {
    field("path", path);
    field("type", type);
    field("mode", mode);
    field("uid", uid);
    field("gid", gid);
    field("size", size);
    field("target", target);
  }
};

struct ConfigChange {
  std::string path;
  ConfigEntry from, to;

  void Fields(auto&& field) {
    field("path", path);
    field("from", from);
    field("to", to);
  }
};

struct ConfigChanges {
  std::vector<ConfigEntry> added, removed;
  std::vector<ConfigChange> modified;

  void Fields(auto&& field) {
    field("added", added);
    field("removed", removed);
    field("modified", modified);
  }
};

const char* TypeName(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  return S_ISLNK(mode) ? "symlink" : "other";
}

ConfigEntry Describe(GFile* base, GFile* file) {
  Owned<char> relative(g_file_get_relative_path(base, file));
  Owned<char> path(g_file_get_path(file));
  struct stat st;
  if (lstat(path.get(), &st) < 0) throw Failure::Errno("lstat", path.get());
  ConfigEntry entry;
  entry.path.append("/").append(ValidUtf8(relative.get()));
  entry.type = TypeName(st.st_mode);
  entry.mode = st.st_mode;
  entry.uid = st.st_uid;
  entry.gid = st.st_gid;
  if (!S_ISDIR(st.st_mode)) entry.size = static_cast<uint64_t>(st.st_size);
  if (!S_ISLNK(st.st_mode)) return entry;
  Owned<char> target(g_file_read_link(path.get(), nullptr));
  if (target) entry.target = ValidUtf8(target.get());
  return entry;
}

Shared<GPtrArray> NewArray(GDestroyNotify free) {
  return Shared<GPtrArray>::Take(g_ptr_array_new_with_free_func(free));
}

template <class T, class Fn>
void ForEach(const Shared<GPtrArray>& array, Fn fn) {
  for (guint i = 0; i < array.get()->len; i++) fn(static_cast<T*>(array.get()->pdata[i]));
}

template <class T>
void SortByPath(std::vector<T>& list) {
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
}

ConfigChanges Compare(GFile* shipped, GFile* current, GCancellable* cancellable) {
  auto modified = NewArray(reinterpret_cast<GDestroyNotify>(ostree_diff_item_unref));
  auto removed = NewArray(g_object_unref);
  auto added = NewArray(g_object_unref);
  Try(ostree_diff_dirs, OSTREE_DIFF_FLAGS_IGNORE_XATTRS, shipped, current, modified.get(), removed.get(),
      added.get(), cancellable);
  ConfigChanges changes;
  ForEach<GFile>(added, [&](GFile* file) { changes.added.push_back(Describe(current, file)); });
  ForEach<GFile>(removed, [&](GFile* file) { changes.removed.push_back(Describe(shipped, file)); });
  ForEach<OstreeDiffItem>(modified, [&](OstreeDiffItem* item) {
    auto from = Describe(shipped, item->src);
    changes.modified.push_back({from.path, from, Describe(current, item->target)});
  });
  SortByPath(changes.added);
  SortByPath(changes.removed);
  SortByPath(changes.modified);
  return changes;
}

// The one asked for; else the booted one, or what boots next.
Shared<OstreeDeployment> Choose(const Sysroot& sysroot, const std::optional<std::string>& id) {
  if (id) return FindDeployment(sysroot, *id);
  if (auto* booted = ostree_sysroot_get_booted_deployment(sysroot.get()))
    return Shared<OstreeDeployment>::Share(booted);
  auto deployments = Deployments(sysroot);
  if (deployments.empty())
    throw Failure("NOT_FOUND", "There are no deployments in the sysroot " + sysroot.path());
  return deployments.front();
}

}  // namespace

// ostree_diff_dirs
Napi::Value SysrootConfigDiff(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::optional<std::string>>("id");
  return Async(args, sysroot->Work(), [sysroot, id](Job& job) {
    sysroot->Load(job.cancellable());
    auto deployment = Choose(*sysroot, id);
    auto root =
        Shared<GFile>::Take(ostree_sysroot_get_deployment_directory(sysroot->get(), deployment.get()));
    auto shipped = Shared<GFile>::Take(g_file_resolve_relative_path(root.get(), "usr/etc"));
    auto current = Shared<GFile>::Take(g_file_resolve_relative_path(root.get(), "etc"));
    return Compare(shipped.get(), current.get(), job.cancellable());
  });
}

}  // namespace ostree
