// An SELinux policy: which label each file of a tree gets. libostree's OstreeSePolicy, guarded.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_set>

#include "core/ptr.h"
#include "engine/metadata.h"

namespace ostree {

// libselinux keeps for the whole process where the policy lies. Whoever loads one, or has libostree load one,
// has a turn meanwhile. Cancelled, it fails without one.
class PolicyTurn {
 public:
  explicit PolicyTurn(GCancellable* cancellable);
  ~PolicyTurn();
  PolicyTurn(const PolicyTurn&) = delete;
};

class SePolicy {
 public:
  // The policy of a system, by its root directory, of which nothing is read later. `name` is for errors.
  // Takes a turn.
  SePolicy(int root, std::string name, GCancellable* cancellable);

  // A system that has no policy, or has it switched off, labels nothing.
  bool is_on() const { return ostree_sepolicy_get_name(policy_.get()) != nullptr; }

  // Any thread, as all that follows. Valid as long as the policy is; null: the policy has none for this path.
  // Of the mode, the type matters.
  const std::string* Label(const std::string& path, uint32_t mode) const;

 private:
  friend class CreationLabel;

  const std::string name_;
  Shared<OstreeSePolicy> policy_;
  // Nothing says that threads may share a policy of libselinux, whose lookups count in it without a lock.
  mutable std::mutex mutex_;
  mutable std::unordered_set<std::string> labels_;
};

// Until it goes, what this thread makes has this label, if the kernel knows labels. A null policy makes none.
class CreationLabel {
 public:
  CreationLabel(const SePolicy* policy, const PathName& path, uint32_t mode);
  ~CreationLabel();
  CreationLabel(const CreationLabel&) = delete;

 private:
  bool is_set_ = false;
};

// Throws INVALID_ARGUMENT for what libostree would end the process over, or wait for without end; whoever has
// it load a policy asks before.
void CheckPolicy(int root, const std::string& name);

// Attributes without `security.selinux`; null: no others.
Xattrs WithoutLabel(const Xattrs& xattrs);
// With this one, in the place of any other.
Xattrs WithLabel(const Xattrs& xattrs, const std::string& label, bool sorted);
// Whether what is committed has its attributes in the order of their names, or the label last.
bool SortsLabels(OstreeRepo* repo);
// Whether a checkout with a policy leaves out the labels that the commit has.
bool DropsStoredLabels();

}  // namespace ostree
