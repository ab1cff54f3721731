#include "failure.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace ostree {
namespace {

thread_local std::string last_critical;

const char* IoErrorCode(int code) {
  switch (code) {
    case G_IO_ERROR_NOT_FOUND:
    case G_IO_ERROR_NOT_MOUNTED:
      return "NOT_FOUND";
    case G_IO_ERROR_EXISTS:
    case G_IO_ERROR_NOT_EMPTY:
      return "EXISTS";
    case G_IO_ERROR_INVALID_ARGUMENT:
    case G_IO_ERROR_INVALID_FILENAME:
    case G_IO_ERROR_FILENAME_TOO_LONG:
      return "INVALID_ARGUMENT";
    case G_IO_ERROR_CANCELLED:
      return "CANCELLED";
    case G_IO_ERROR_BUSY:
    case G_IO_ERROR_WOULD_BLOCK:
    case G_IO_ERROR_PENDING:
      return "LOCKED";
    case G_IO_ERROR_NO_SPACE:
      return "NO_SPACE";
    case G_IO_ERROR_PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case G_IO_ERROR_READ_ONLY:
      return "READ_ONLY";
    case G_IO_ERROR_NOT_SUPPORTED:
    case G_IO_ERROR_NOT_INITIALIZED:
      return "NOT_SUPPORTED";
    case G_IO_ERROR_INVALID_DATA:
      return "CORRUPT";
    case G_IO_ERROR_PARTIAL_INPUT:
    case G_IO_ERROR_HOST_NOT_FOUND:
    case G_IO_ERROR_HOST_UNREACHABLE:
    case G_IO_ERROR_NETWORK_UNREACHABLE:
    case G_IO_ERROR_CONNECTION_REFUSED:
    case G_IO_ERROR_CONNECTION_CLOSED:
    case G_IO_ERROR_NOT_CONNECTED:
    case G_IO_ERROR_ADDRESS_IN_USE:
    case G_IO_ERROR_PROXY_FAILED:
    case G_IO_ERROR_PROXY_AUTH_FAILED:
    case G_IO_ERROR_PROXY_NEED_AUTH:
    case G_IO_ERROR_PROXY_NOT_ALLOWED:
      return "NETWORK";
    case G_IO_ERROR_TIMED_OUT:
      return "TIMED_OUT";
    case G_IO_ERROR_MESSAGE_TOO_LARGE:
      return "TOO_LARGE";
    case G_IO_ERROR_IS_DIRECTORY:
      return "IS_DIRECTORY";
    case G_IO_ERROR_NOT_DIRECTORY:
      return "NOT_DIRECTORY";
    case G_IO_ERROR_CLOSED:
      return "CLOSED";
    default:
      return "FAILED";
  }
}

// libostree has no code for these: G_IO_ERROR_FAILED and a text.
struct TextCode {
  std::string_view text, code;
};
constexpr std::array kTextCodes = {
    TextCode{"min-free-space-", "NO_SPACE"},
    TextCode{"No space left on device", "NO_SPACE"},
    TextCode{"Refspec '", "NOT_FOUND"},  // Refspec 'x' not found
    TextCode{"No such branch ", "NOT_FOUND"},
    TextCode{" has no parent", "NOT_FOUND"},  // rev^
    TextCode{"No such metadata object ", "NOT_FOUND"},
    TextCode{"Couldn't find file object ", "NOT_FOUND"},
    TextCode{"Remote configuration for ", "EXISTS"},  // Remote configuration for "x" already exists
    TextCode{"GPG: Unable to find key ", "NOT_FOUND"},
    TextCode{"GPG: Unable to export keys: GPGME: No data", "INVALID_ARGUMENT"},  // what was to be imported
    TextCode{"Static deltas required, but none found", "NOT_FOUND"},
    TextCode{"remote repository does not have a summary", "NOT_FOUND"},
    TextCode{"No gpg key found with ID ", "NOT_FOUND"},  // nor one whose secret part is there
    TextCode{" ambiguous (homedir: ", "INVALID_ARGUMENT"},
    TextCode{"Invalid crypto engine", "NOT_SUPPORTED"},  // no gpg on this machine
    TextCode{"GPG feature is disabled", "NOT_SUPPORTED"},
    TextCode{"Corrupted ", "CORRUPT"},
    TextCode{"corrupted object", "CORRUPT"},
    TextCode{"Invalid checksum of length", "CORRUPT"},
    TextCode{"in rev '", "CORRUPT"},  // Invalid character '60' in rev '<html>': what a server gave for a ref
    TextCode{"Not normal form", "CORRUPT"},
    TextCode{"File header size ", "CORRUPT"},  // a truncated file: File header size 26 exceeds size 19
    TextCode{"Invalid checksum for static delta", "CORRUPT"},
    TextCode{"doesn't match expected digest", "CORRUPT"},  // Generated composefs image digest (…)
    TextCode{"Expected composefs fs-verity in metadata has the wrong size", "CORRUPT"},
    TextCode{"signatures found, but none are in trusted keyring", "SIGNATURE"},
    TextCode{"No signatures found", "SIGNATURE"},
    TextCode{"Can't check signature", "SIGNATURE"},
    TextCode{"BAD signature", "SIGNATURE"},
    TextCode{"no signatures found", "SIGNATURE"},
    TextCode{"signature verification", "SIGNATURE"},
    TextCode{"signature: ", "SIGNATURE"},
    TextCode{"signed with", "SIGNATURE"},
    TextCode{"Can't verify commit", "SIGNATURE"},
    TextCode{"in ref binding metadata", "SIGNATURE"},
    TextCode{"in collection binding metadata", "SIGNATURE"},
    TextCode{"binding information, found none", "SIGNATURE"},
    TextCode{"chronologically older", "DOWNGRADE"},
    TextCode{"while current is", "DOWNGRADE"},
    TextCode{"exceeds maximum", "TOO_LARGE"},
    TextCode{"exceeded maximum size", "TOO_LARGE"},
    TextCode{"Delta requires ", "NO_SPACE"},  // Delta requires 1.5 GB free space, but only 1.2 GB available
    TextCode{"uses custom backend", "NOT_SUPPORTED"},
    TextCode{"Can't use static deltas in an archive repo", "NOT_SUPPORTED"},
    TextCode{"Can't pull from archives with mode", "NOT_SUPPORTED"},
    TextCode{"is not implemented", "NOT_SUPPORTED"},
    TextCode{"not supported", "NOT_SUPPORTED"},
    TextCode{"not booted into an OSTree system", "NOT_BOOTED"},
    TextCode{"Not currently booted", "NOT_BOOTED"},
    TextCode{"is already in progress", "LOCKED"},
    TextCode{"another transaction is in progress", "LOCKED"},
    TextCode{"Timeout was reached", "TIMED_OUT"},
    TextCode{"While fetching http", "NETWORK"},   // While fetching URL: [7] Couldn't connect to server
    TextCode{"While fetching file:", "NETWORK"},  // where a server redirected to
    TextCode{"No configured branches for remote", "INVALID_ARGUMENT"},
    TextCode{"Invalid refspec", "INVALID_ARGUMENT"},
    TextCode{"Invalid ref name", "INVALID_ARGUMENT"},
    TextCode{"Invalid remote name", "INVALID_ARGUMENT"},
    TextCode{"Invalid collection ID", "INVALID_ARGUMENT"},
    TextCode{"Invalid rev ", "INVALID_ARGUMENT"},
};

std::string TextToCode(std::string_view message) {
  for (const auto& entry : kTextCodes)
    if (message.find(entry.text) != message.npos) return std::string(entry.code);
  return "FAILED";
}

// These say more than the number that comes with them.
std::string_view FetchCode(std::string_view message) {
  if (message.find("erification enabled, but no summary") != message.npos) return "SIGNATURE";
  for (std::string_view text : {"Server returned HTTP ", "Server returned status "}) {
    auto at = message.find(text);
    if (at == message.npos) continue;
    auto status = message.substr(at + text.size(), 3);
    return status == "404" || status == "410" ? "NOT_FOUND" : "HTTP";
  }
  return "";
}

std::string CodeOf(const GError& error) {
  auto fetch_code = FetchCode(error.message ? error.message : "");
  if (!fetch_code.empty()) return std::string(fetch_code);
  if (error.domain == G_IO_ERROR) {
    std::string code = IoErrorCode(error.code);
    return code == "FAILED" && error.message ? TextToCode(error.message) : code;
  }
  if (error.domain == OSTREE_GPG_ERROR) return "SIGNATURE";
  if (error.domain == G_KEY_FILE_ERROR) {
    bool missing =
        error.code == G_KEY_FILE_ERROR_KEY_NOT_FOUND || error.code == G_KEY_FILE_ERROR_GROUP_NOT_FOUND;
    return missing ? "NOT_FOUND" : "FAILED";
  }
  if (error.domain == G_FILE_ERROR) {
    switch (error.code) {
      case G_FILE_ERROR_NOENT:
        return "NOT_FOUND";
      case G_FILE_ERROR_ACCES:
      case G_FILE_ERROR_PERM:
        return "PERMISSION_DENIED";
      case G_FILE_ERROR_NOSPC:
        return "NO_SPACE";
      case G_FILE_ERROR_ROFS:
        return "READ_ONLY";
      default:
        return "FAILED";
    }
  }
  return error.message ? TextToCode(error.message) : "FAILED";
}

// What there are no more descriptors of, this process or the system, has no code of its own: its name goes
// beside FAILED.
Shared<GVariant> ErrnoDetails(int number) {
  if (number != EMFILE && number != ENFILE) return {};
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert(&details, "errno", "s", number == EMFILE ? "EMFILE" : "ENFILE");
  return Shared<GVariant>::Share(g_variant_dict_end(&details));
}

// GIO has a code for the first of them only.
int DescriptorErrno(const GError& error) {
  if (error.domain == G_IO_ERROR) {
    if (error.code == G_IO_ERROR_TOO_MANY_OPEN_FILES) return EMFILE;
    bool system = error.message && g_str_has_suffix(error.message, g_strerror(ENFILE));
    return error.code == G_IO_ERROR_FAILED && system ? ENFILE : 0;
  }
  if (error.domain != G_FILE_ERROR) return 0;
  return error.code == G_FILE_ERROR_MFILE ? EMFILE : error.code == G_FILE_ERROR_NFILE ? ENFILE : 0;
}

}  // namespace

Failure::Failure(std::string code, std::string message)
    : code(std::move(code)), message(ValidUtf8(message)) {}

Failure::Failure(Owned<GError> error)
    : code(CodeOf(*error)),
      domain(g_quark_to_string(error->domain)),
      message(ValidUtf8(error->message ? error->message : "Unknown error")) {
  if (Is("FAILED")) details = ErrnoDetails(DescriptorErrno(*error));
}

Failure Failure::Errno(const char* call, const std::string& path) {
  int saved = errno;
  Failure failure(IoErrorCode(g_io_error_from_errno(saved)),
                  std::string(call) + "(" + path + "): " + g_strerror(saved));
  if (saved == ELOOP) failure.code = "NOT_DIRECTORY";
  failure.details = ErrnoDetails(saved);
  failure.domain = g_quark_to_string(G_IO_ERROR);
  failure.path = ValidUtf8(path);
  return failure;
}

Failure Failure::Precondition() {
  auto critical = TakeCritical();
  return Failure("INVALID_ARGUMENT", critical.empty() ? "libostree failed without saying why" : critical);
}

std::string ValidUtf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const char* end = nullptr;
    g_utf8_validate_len(text.data(), text.size(), &end);
    size_t valid = static_cast<size_t>(end - text.data());
    result.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) break;
    char escape[5];
    g_snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(text.front()));
    result.append(escape);
    text.remove_prefix(1);
  }
  return result;
}

void CaptureCriticals() {
  auto handler = [](const char*, GLogLevelFlags, const char* message, void*) { last_critical = message; };
  for (const char* domain : {"OSTree", "GLib-GIO", "GLib"})
    g_log_set_handler(domain, G_LOG_LEVEL_CRITICAL, handler, nullptr);
}

std::string TakeCritical() { return std::exchange(last_critical, {}); }

void ThrowIfCancelled(GCancellable* cancellable) {
  GError* error = nullptr;
  if (g_cancellable_set_error_if_cancelled(cancellable, &error)) throw Failure(Owned<GError>(error));
}

}  // namespace ostree
