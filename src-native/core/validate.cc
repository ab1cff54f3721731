#include "validate.h"

#include <algorithm>

namespace ostree {
namespace {

constexpr size_t kMaxName = 4096;
constexpr size_t kChecksumLength = 64;

[[noreturn]] void Refuse(std::string_view value, std::string_view name, std::string_view expected) {
  // Enough to recognise it.
  std::string shown = ValidUtf8(value.substr(0, 100)) + (value.size() > 100 ? "…" : "");
  throw Failure("INVALID_ARGUMENT",
                std::string(name) + " must be " + std::string(expected) + ", not '" + shown + "'");
}

// What holds for all of them: something, not too long, without a NUL.
void CheckLength(std::string_view value, std::string_view name) {
  if (value.empty()) throw Failure("INVALID_ARGUMENT", std::string(name) + " must not be empty");
  if (value.size() > kMaxName)
    throw Failure("INVALID_ARGUMENT", std::string(name) + " must not be longer than 4096 bytes");
  if (value.find('\0') != value.npos)
    throw Failure("INVALID_ARGUMENT", std::string(name) + " must not contain a NUL byte");
}

// libostree's regular expressions need UTF-8, and take a line end after what they match.
bool IsLine(std::string_view value) {
  return g_utf8_validate_len(value.data(), value.size(), nullptr) && value.back() != '\n';
}

bool Accepts(gboolean (*validate)(const char*, GError**), std::string_view value) {
  Owned<GError> error;
  return validate(std::string(value).c_str(), Out(error));
}

bool IsRefspec(std::string_view value) {
  Owned<char> remote, ref;
  Owned<GError> error;
  return ostree_parse_refspec(std::string(value).c_str(), Out(remote), Out(ref), Out(error));
}

}  // namespace

void CheckChecksum(std::string_view value, std::string_view name) {
  auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (value.size() != kChecksumLength || !std::all_of(value.begin(), value.end(), is_digit))
    Refuse(value, name, "a checksum of 64 lower-case hex digits");
}

void CheckRef(std::string_view value, std::string_view name) {
  CheckLength(value, name);
  if (!IsLine(value) || !Accepts(ostree_validate_rev, value))
    Refuse(value, name, "a ref such as os/x86_64/stable");
}

void CheckRefspec(std::string_view value, std::string_view name) {
  CheckLength(value, name);
  if (!IsLine(value) || !IsRefspec(value)) Refuse(value, name, "a ref or remote:ref");
}

void CheckRev(std::string_view value, std::string_view name) {
  CheckLength(value, name);
  auto refspec = value.substr(0, value.find_last_not_of('^') + 1);
  if (refspec.empty() || !IsLine(refspec) || !IsRefspec(refspec))
    Refuse(value, name, "a ref, remote:ref or checksum, with ^ for a parent");
}

void CheckRemoteName(std::string_view value, std::string_view name) {
  CheckLength(value, name);
  if (!IsLine(value) || !Accepts(ostree_validate_remote_name, value))
    Refuse(value, name, "the name of a remote: letters, digits, '-', '.' and '_'");
}

void CheckCollectionId(std::string_view value, std::string_view name) {
  CheckLength(value, name);
  if (!IsLine(value) || !Accepts(ostree_validate_collection_id, value))
    Refuse(value, name, "a collection id such as org.example.Os");
}

void CheckPath(std::string_view value, std::string_view name) { CheckLength(value, name); }

void CheckFileName(std::string_view value, std::string_view name) {
  CheckLength(value, name);
  if (value == "." || value == ".." || value.find('/') != value.npos ||
      !g_utf8_validate_len(value.data(), value.size(), nullptr))
    Refuse(value, name, "the name of a file, in UTF-8");
}

namespace {

Napi::Value Validate(const Napi::CallbackInfo& info, void (*check)(std::string_view, std::string_view)) {
  auto value = FromJs<std::string>(info[0], "value");
  try {
    check(value, "value");
  } catch (const Failure& failure) {
    throw ArgValueError(info.Env(), failure.message);
  }
  return info.Env().Undefined();
}

}  // namespace

Napi::Value ValidateChecksum(const Napi::CallbackInfo& info) { return Validate(info, CheckChecksum); }
Napi::Value ValidateRef(const Napi::CallbackInfo& info) { return Validate(info, CheckRef); }
Napi::Value ValidateRefspec(const Napi::CallbackInfo& info) { return Validate(info, CheckRefspec); }
Napi::Value ValidateRemoteName(const Napi::CallbackInfo& info) { return Validate(info, CheckRemoteName); }
Napi::Value ValidateCollectionId(const Napi::CallbackInfo& info) { return Validate(info, CheckCollectionId); }

}  // namespace ostree
