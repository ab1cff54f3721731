#include "engine/sepolicy.h"

#include <algorithm>
#include <condition_variable>
#include <string_view>
#include <vector>

#include "core/dynamic.h"
#include "core/failure.h"
#include "core/forever.h"
#include "core/on_cancel.h"

namespace ostree {
namespace {

constexpr const char* kAttribute = "security.selinux";

struct Turns {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_taken = false;
};

// As libostree does: it reads the policy's files through libselinux, which writes to stderr what it does not
// like; later versions can be told to be silent, and the command tells them.
void Silence() {
  if (auto silence = Dynamic().ostree_sepolicy_set_null_log) silence.get()();
}

Shared<OstreeSePolicy> Load(int root, const std::string& name, GCancellable* cancellable) {
  PolicyTurn turn(cancellable);
  Silence();
  try {
    return Shared<OstreeSePolicy>::Take(Try(ostree_sepolicy_new_at, root, cancellable));
  } catch (Failure& failure) {
    failure.message = "The SELinux policy of " + ValidUtf8(name) + " cannot be loaded: " + failure.message;
    failure.path = ValidUtf8(name);
    throw;
  }
}

bool HostHasSelinux() {
  using IsEnabled = int();
  static auto* is_enabled = reinterpret_cast<IsEnabled*>(detail::FindInLibostree("is_selinux_enabled"));
  static const bool answer = is_enabled && is_enabled() == 1;
  return answer;
}

}  // namespace

PolicyTurn::PolicyTurn(GCancellable* cancellable) {
  auto& turns = Forever<Turns>();
  OnCancel wake(cancellable, [&turns] {
    std::lock_guard lock(turns.mutex);
    turns.changed.notify_all();
  });
  std::unique_lock lock(turns.mutex);
  turns.changed.wait(lock, [&turns, cancellable] {
    return !turns.is_taken || (cancellable && g_cancellable_is_cancelled(cancellable));
  });
  ThrowIfCancelled(cancellable);
  turns.is_taken = true;
}

PolicyTurn::~PolicyTurn() {
  auto& turns = Forever<Turns>();
  std::lock_guard lock(turns.mutex);
  turns.is_taken = false;
  turns.changed.notify_all();
}

SePolicy::SePolicy(int root, std::string name, GCancellable* cancellable) : name_(std::move(name)) {
  CheckPolicy(root, name_);
  policy_ = Load(root, name_, cancellable);
}

// ostree_sepolicy_get_label, which knows that /proc has the label of /mnt.
const std::string* SePolicy::Label(const std::string& path, uint32_t mode) const {
  std::lock_guard lock(mutex_);
  Owned<char> label;
  try {
    Try(ostree_sepolicy_get_label, policy_.get(), path.c_str(), mode, Out(label), nullptr);
  } catch (Failure& failure) {
    failure.message = "The SELinux policy of " + ValidUtf8(name_) + " fails: " + failure.message;
    failure.path = ValidUtf8(path);
    throw;
  }
  return label ? &*labels_.insert(label.get()).first : nullptr;
}

// ostree_sepolicy_setfscreatecon: of a file that is made without a moment in which it has another label.
CreationLabel::CreationLabel(const SePolicy* policy, const PathName& path, uint32_t mode) {
  if (!policy || !HostHasSelinux()) return;
  std::lock_guard lock(policy->mutex_);
  Try(ostree_sepolicy_setfscreatecon, policy->policy_.get(), path().c_str(), mode);
  is_set_ = true;
}

CreationLabel::~CreationLabel() {
  if (is_set_) ostree_sepolicy_fscreatecon_cleanup(nullptr);
}

Xattrs WithoutLabel(const Xattrs& xattrs) {
  GVariantBuilder builder;
  bool is_any = false;
  for (gsize i = 0; xattrs && i < g_variant_n_children(xattrs.get()); i++) {
    auto pair = Shared<GVariant>::Take(g_variant_get_child_value(xattrs.get(), i));
    auto name = Shared<GVariant>::Take(g_variant_get_child_value(pair.get(), 0));
    if (std::string_view(g_variant_get_bytestring(name.get())) == kAttribute) continue;
    if (!is_any) g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
    is_any = true;
    g_variant_builder_add_value(&builder, pair.get());
  }
  return is_any ? Xattrs::Share(g_variant_builder_end(&builder)) : Xattrs();
}

// The value ends with a NUL, as libostree's commits have it, and as the kernel gives it.
Xattrs WithLabel(const Xattrs& xattrs, const std::string& label, bool sorted) {
  auto others = WithoutLabel(xattrs);
  std::vector<Shared<GVariant>> pairs;
  for (gsize i = 0; others && i < g_variant_n_children(others.get()); i++)
    pairs.push_back(Shared<GVariant>::Take(g_variant_get_child_value(others.get(), i)));
  pairs.push_back(Shared<GVariant>::Share(g_variant_new("(@ay@ay)", g_variant_new_bytestring(kAttribute),
                                                        g_variant_new_bytestring(label.c_str()))));
  auto name_of = [](const Shared<GVariant>& pair) {
    auto name = Shared<GVariant>::Take(g_variant_get_child_value(pair.get(), 0));
    return std::string(g_variant_get_bytestring(name.get()));
  };
  auto by_name = [&name_of](const auto& a, const auto& b) { return name_of(a) < name_of(b); };
  if (sorted) std::stable_sort(pairs.begin(), pairs.end(), by_name);
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
  for (const auto& pair : pairs) g_variant_builder_add_value(&builder, pair.get());
  return Xattrs::Share(g_variant_builder_end(&builder));
}

// Before 2025.2, libostree puts it last. In a bare repository, where attributes come back in the order of
// their names, such a file would not be what its checksum says.
bool SortsLabels(OstreeRepo* repo) {
  return ostree_check_version(2025, 2) || ostree_repo_get_mode(repo) == OSTREE_REPO_MODE_BARE;
}

// From 2024.3 on, libostree keeps them where the kernel would not label what is made.
bool DropsStoredLabels() { return !ostree_check_version(2024, 3) || HostHasSelinux(); }

}  // namespace ostree
