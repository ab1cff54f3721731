// The SELinux policies that commits and checkouts label by: where they come from.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/convert.h"
#include "engine/plan.h"
#include "engine/sepolicy.h"

namespace ostree {

struct SelinuxSpec {
  std::optional<std::string> policy;  // the root directory of a system; not given: that of the base
  uint32_t labelingEpoch = 0;

  void Fields(auto&& field) {
    field("policy", policy);
    field("labelingEpoch", labelingEpoch);
  }
};

// Of a directory of this machine. NOT_SUPPORTED where libostree knows no SELinux.
std::shared_ptr<const SePolicy> PolicyAt(const std::string& path, GCancellable* cancellable);
// What is in /usr/etc/selinux of a directory of the repository.
std::shared_ptr<const SePolicy> PolicyIn(OstreeRepo* repo, const Checksum& contents,
                                         GCancellable* cancellable);
// The policy of a commit, whose base or first source is in the plan. Null: it labels nothing.
std::shared_ptr<const SePolicy> PolicyOf(OstreeRepo* repo, const SelinuxSpec& spec, const CommitPlan& plan,
                                         GCancellable* cancellable);

}  // namespace ostree
