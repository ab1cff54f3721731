// libostree as it is loaded: its version, the functions that are newer than what
// the addon is compiled against, and what it was built with.
//
// Such functions are never linked: a binary that names them would not load where
// they are missing.
#pragma once

#include <optional>
#include <string>

#include "failure.h"

// Of 2025.2; declared here as its header does.
typedef struct _OstreeBlobReader OstreeBlobReader;

namespace ostree {

namespace detail {

void* FindInLibostree(const char* name);
[[noreturn]] void ThrowMissing(const char* name, const char* since);

}  // namespace detail

template <class Signature>
class NewerFunction;

// One function that libostree may have: Try(Dynamic().ostree_repo_checkout_composefs.get(), repo, …).
template <class Result, class... Args>
class NewerFunction<Result(Args...)> {
 public:
  using Pointer = Result (*)(Args...);

  NewerFunction(const char* name, const char* since)
      : name_(name), since_(since), pointer_(reinterpret_cast<Pointer>(detail::FindInLibostree(name))) {}

  explicit operator bool() const { return pointer_ != nullptr; }
  // Throws NOT_SUPPORTED, naming the version that has it.
  Pointer get() const {
    if (!pointer_) detail::ThrowMissing(name_, since_);
    return pointer_;
  }

 private:
  const char* name_;
  const char* since_;
  Pointer pointer_;
};

// Every function of libostree that 2022.7 does not have.
struct DynamicTable {
  NewerFunction<gboolean(OstreeRepo*, GVariant*, GVariant*, GCancellable*, GError**)>
      ostree_repo_regenerate_metadata{"ostree_repo_regenerate_metadata", "2023.1"};
  NewerFunction<gboolean(OstreeRepo*, guint, GVariantDict*, OstreeRepoFile*, GCancellable*, GError**)>
      ostree_repo_commit_add_composefs_metadata{"ostree_repo_commit_add_composefs_metadata", "2023.4"};
  NewerFunction<gboolean(OstreeDeployment*)> ostree_deployment_is_finalization_locked{
      "ostree_deployment_is_finalization_locked", "2023.8"};
  NewerFunction<gboolean(OstreeSysroot*, OstreeDeployment*, GError**)> ostree_sysroot_change_finalization{
      "ostree_sysroot_change_finalization", "2023.8"};
  NewerFunction<gboolean(OstreeSysroot*, GCancellable*, GError**)> ostree_sysroot_update_post_copy{
      "ostree_sysroot_update_post_copy", "2023.8"};
  // 2024.7 aborts unless the options are NULL; later versions unless `verity` is 0 to 2.
  NewerFunction<gboolean(OstreeRepo*, GVariant*, int, const char*, const char*, GCancellable*, GError**)>
      ostree_repo_checkout_composefs{"ostree_repo_checkout_composefs", "2024.7"};
  NewerFunction<gboolean(OstreeSysroot*, OstreeDeployment*, GCancellable*, GError**)>
      ostree_sysroot_deployment_kexec_load{"ostree_sysroot_deployment_kexec_load", "2025.1"};
  NewerFunction<GType()> ostree_blob_reader_get_type{"ostree_blob_reader_get_type", "2025.2"};
  NewerFunction<GBytes*(OstreeBlobReader*, GCancellable*, GError**)> ostree_blob_reader_read_blob{
      "ostree_blob_reader_read_blob", "2025.2"};
  NewerFunction<void()> ostree_sepolicy_set_null_log{"ostree_sepolicy_set_null_log", "2025.2"};
  NewerFunction<OstreeBlobReader*(OstreeSign*, GInputStream*)> ostree_sign_read_pk{"ostree_sign_read_pk",
                                                                                   "2025.2"};
  NewerFunction<OstreeBlobReader*(OstreeSign*, GInputStream*)> ostree_sign_read_sk{"ostree_sign_read_sk",
                                                                                   "2025.2"};
  NewerFunction<gboolean(OstreeRepo*, GKeyFile*, GError**)> ostree_repo_write_config_and_reload{
      "ostree_repo_write_config_and_reload", "2025.3"};
  NewerFunction<gboolean(OstreeDeployment*)> ostree_deployment_is_soft_reboot_target{
      "ostree_deployment_is_soft_reboot_target", "2025.3"};
  NewerFunction<gboolean(OstreeSysroot*, OstreeDeployment*)> ostree_sysroot_deployment_can_soft_reboot{
      "ostree_sysroot_deployment_can_soft_reboot", "2025.3"};
  NewerFunction<gboolean(OstreeSysroot*, OstreeDeployment*, gboolean, GCancellable*, GError**)>
      ostree_sysroot_deployment_set_soft_reboot{"ostree_sysroot_deployment_set_soft_reboot", "2025.3"};
  NewerFunction<gboolean(OstreeSysroot*, GCancellable*, GError**)> ostree_sysroot_clear_soft_reboot{
      "ostree_sysroot_clear_soft_reboot", "2025.3"};
  NewerFunction<guint64(OstreeBootconfigParser*)> ostree_bootconfig_parser_get_tries_left{
      "ostree_bootconfig_parser_get_tries_left", "2025.3"};
  NewerFunction<guint64(OstreeBootconfigParser*)> ostree_bootconfig_parser_get_tries_done{
      "ostree_bootconfig_parser_get_tries_done", "2025.3"};
  NewerFunction<OstreeGpgVerifyResult*(OstreeRepo*, GBytes*, GBytes*, GFile*, GFile*, GCancellable*,
                                       GError**)>
      ostree_repo_verify_local_summary{"ostree_repo_verify_local_summary", "2026.3"};
};

// Resolved once for the process.
const DynamicTable& Dynamic();

// "2022.7", of the library that is loaded.
std::string LibraryVersion();

// Whether libostree is linked against a library of this name ("libgpgme.so"): what it was built with. Empty
// when that cannot be told, because libostree is no shared library of its own here.
std::optional<bool> LibostreeNeeds(const char* prefix);

}  // namespace ostree
