// A failed call, as a C++ exception that may cross threads. Nothing of Node-API here.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "ptr.h"

namespace ostree {

class Failure : public std::exception {
 public:
  // An error of our own, with one of the codes of OstreeErrorCode.
  Failure(std::string code, std::string message);
  // One of libostree's: the code is made of the domain and number, or of the
  // text where libostree has only text.
  explicit Failure(Owned<GError> error);
  // A system call that failed: Failure::Errno("openat", path).
  static Failure Errno(const char* call, const std::string& path);
  // The call returned FALSE without a GError: a g_return_if_fail() tripped.
  static Failure Precondition();

  const char* what() const noexcept override { return message.c_str(); }
  bool Is(std::string_view other) const { return code == other; }

  std::string code;     // "NOT_FOUND"
  std::string domain;   // "g-io-error-quark", or empty
  std::string message;  // valid UTF-8
  std::optional<std::string> path, ref, checksum, remote;
  Shared<GVariant> details;  // a{sv}, what ErrorDetails gives this code
};

// Text from outside (file names, libostree's messages) as valid UTF-8: what is
// not becomes an escape, \xff.
std::string ValidUtf8(std::string_view text);

// Sends libostree's g_return_if_fail() messages here instead of to stderr.
void CaptureCriticals();
// The last critical of this thread, cleared.
std::string TakeCritical();

// Calls a GLib-style function, supplying its GError** and throwing Failure
// when it fails: Try(ostree_repo_open, repo, cancellable). FALSE or NULL
// without a GError is a failure too.
template <class Fn, class... Args>
auto Try(Fn* fn, Args&&... args) {
  TakeCritical();
  GError* error = nullptr;
  auto result = fn(std::forward<Args>(args)..., &error);
  if (error) throw Failure(Owned<GError>(error));
  if (!result) throw Failure::Precondition();
  return result;
}

// For functions whose NULL or FALSE is an answer: only a GError is a failure.
template <class Fn, class... Args>
auto TryNull(Fn* fn, Args&&... args) {
  GError* error = nullptr;
  auto result = fn(std::forward<Args>(args)..., &error);
  if (error) throw Failure(Owned<GError>(error));
  return result;
}

// Throws CANCELLED when the cancellable has been.
void ThrowIfCancelled(GCancellable* cancellable);

}  // namespace ostree
