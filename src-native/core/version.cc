#include "version.h"

#include "convert.h"
#include "dynamic.h"
#include "hash.h"

namespace ostree {
namespace {

struct Version {
  std::string libostree, glib, sha256;

  void Fields(auto&& field) {
    field("libostree", libostree);
    field("glib", glib);
    field("sha256", sha256);
  }
};

using Answer = Nullable<bool>;

Answer Needs(const char* library) {
  auto needs = LibostreeNeeds(library);
  return needs ? Answer(*needs) : Answer();
}

// ostree_sign_get_by_name
bool HasSignatures(const char* type) {
  Owned<GError> error;
  return bool(Shared<OstreeSign>::Take(ostree_sign_get_by_name(type, Out(error))));
}

bool HasComposefs() { return Dynamic().ostree_repo_checkout_composefs && BuiltWithComposefs(); }

// A function that is there can still have been compiled to fail; only use will tell.
template <class Function>
Answer NotWithout(const Function& function) {
  return function ? Answer() : Answer(false);
}

Answer HasHttp() {
  auto curl = Needs("libcurl"), soup = Needs("libsoup");
  return curl ? Answer(*curl || *soup) : Answer();
}

}  // namespace

// Without composefs the function refuses at once. With it, it asks first whether it was cancelled, before it
// looks at what it was given.
bool BuiltWithComposefs() {
  auto add = Dynamic().ostree_repo_commit_add_composefs_metadata;
  if (!add) return false;
  auto path = Shared<GFile>::Take(g_file_new_for_path("/dev/null"));
  auto repo = Shared<OstreeRepo>::Take(ostree_repo_new(path.get()));
  auto root = Shared<GObject>::Take(G_OBJECT(g_object_new(OSTREE_TYPE_REPO_FILE, nullptr)));
  auto dict = Shared<GVariantDict>::Take(g_variant_dict_new(nullptr));
  auto cancelled = Shared<GCancellable>::Take(g_cancellable_new());
  g_cancellable_cancel(cancelled.get());
  Owned<GError> error;
  add.get()(repo.get(), 0, dict.get(), OSTREE_REPO_FILE(root.get()), cancelled.get(), Out(error));
  return error && !g_error_matches(error.get(), G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

Napi::Value VersionRead(const Napi::CallbackInfo& info) {
  Version version{LibraryVersion(),
                  std::to_string(glib_major_version) + "." + std::to_string(glib_minor_version) + "." +
                      std::to_string(glib_micro_version),
                  Sha256::Backend()};
  return ToJs(info.Env(), version);
}

Napi::Value FeaturesRead(const Napi::CallbackInfo& info) {
  std::map<std::string, Answer> features{
      {"gpg", Needs("libgpgme")},
      {"ed25519", HasSignatures("ed25519")},
      {"spki", HasSignatures("spki")},
      {"composefs", HasComposefs()},
      {"http", HasHttp()},
      {"libarchive", Needs("libarchive")},
      {"selinux", Needs("libselinux")},
      {"avahi", Needs("libavahi-client")},
      {"softReboot", NotWithout(Dynamic().ostree_sysroot_deployment_set_soft_reboot)},
      {"kexec", NotWithout(Dynamic().ostree_sysroot_deployment_kexec_load)},
  };
  return ToJs(info.Env(), features);
}

}  // namespace ostree
