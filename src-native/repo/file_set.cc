#include "file_set.h"

#include <sys/stat.h>

#include <map>

#include "repo.h"

namespace ostree {
namespace {

constexpr uint32_t kPermissions = 07777;

struct SetEntrySpec {
  std::string path, type, target;
  uint32_t mode = 0, uid = 0, gid = 0;
  std::map<std::string, Bytes> xattrs;
  Bytes content;

  void Fields(auto&& field) {
    field("path", path);
    field("type", type);
    field("target", target);
    field("mode", mode);
    field("uid", uid);
    field("gid", gid);
    field("xattrs", xattrs);
    field("content", content);
  }
};

uint32_t ModeOf(const SetEntrySpec& spec) {
  auto permissions = spec.mode & kPermissions;
  if (spec.type == "file") return S_IFREG | permissions;
  if (spec.type == "directory") return S_IFDIR | permissions;
  if (spec.type == "symlink") return S_IFLNK | 0777;
  throw Failure("INVALID_ARGUMENT", "Not a type of files: " + spec.type);
}

// As those that are read off a disk: sorted, and without empty ones, which libostree never stores.
Xattrs XattrsOf(const std::map<std::string, Bytes>& given) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
  for (const auto& [name, value] : given)
    if (!value.empty())
      g_variant_builder_add(&builder, "(@ay@ay)", g_variant_new_bytestring(name.c_str()),
                            g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value.data(), value.size(), 1));
  return Xattrs::Share(g_variant_builder_end(&builder));
}

SetEntry EntryOf(const SetEntrySpec& spec) {
  SetEntry entry;
  entry.path = spec.path;
  entry.owner = {spec.uid, spec.gid, ModeOf(spec)};
  entry.xattrs = XattrsOf(spec.xattrs);
  if (spec.type == "symlink") entry.target = spec.target;
  if (spec.type == "symlink" && spec.target.empty())
    throw Failure("INVALID_ARGUMENT", "A symbolic link without a target: " + spec.path);
  return entry;
}

}  // namespace

Napi::Value FileSetNew(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  return NewHandle(info.Env(), std::make_shared<FileSetHandle>(repo->reader()));
}

// pwrite
Napi::Value FileSetAppend(const Napi::CallbackInfo& info) {
  Args args(info);
  auto files = args.Handle<FileSetHandle>("files");
  auto data = args.Next<Bytes>("data");
  return Async(args, ReadPool(),
               [files, data = std::move(data)](Job&) { files->Get()->Append(data.data(), data.size()); });
}

// pwrite
Napi::Value FileSetAdd(const Napi::CallbackInfo& info) {
  Args args(info);
  auto files = args.Handle<FileSetHandle>("files");
  auto specs = args.Next<std::vector<SetEntrySpec>>("entries");
  return Async(args, ReadPool(), [files, specs = std::move(specs)](Job& job) {
    auto set = files->Get();
    for (const auto& spec : specs) {
      ThrowIfCancelled(job.cancellable());
      auto entry = EntryOf(spec);
      set->Append(spec.content.data(), spec.content.size());
      set->Add(std::move(entry));
    }
  });
}

Napi::Value FileSetClose(const Napi::CallbackInfo& info) {
  Args(info).Handle<FileSetHandle>("files")->Close();
  return info.Env().Undefined();
}

}  // namespace ostree
