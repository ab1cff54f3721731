#include "lock_config.h"

#include <string>

#include "core/failure.h"

namespace ostree {
namespace {

constexpr gint kNone = -2;     // takes no locks
constexpr gint kDefault = 30;  // seconds

// As libostree reads it: of a number that is too large it keeps 32 bits.
gint LockTimeout(GKeyFile* config) {
  Owned<GError> missing;
  bool locks = g_key_file_get_boolean(config, "core", "locking", Out(missing));
  if (!locks && !missing) return kNone;
  Owned<char> text(g_key_file_get_value(config, "core", "lock-timeout-secs", nullptr));
  return text ? static_cast<gint>(g_ascii_strtoll(text.get(), nullptr, 10)) : kDefault;
}

}  // namespace

bool TakesLocks(GKeyFile* config) { return LockTimeout(config) != kNone; }

void CheckLockTimeout(GKeyFile* config) {
  auto timeout = LockTimeout(config);
  if (timeout >= kNone) return;
  throw Failure("CORRUPT", "core.lock-timeout-secs in the config is " + std::to_string(timeout) +
                               "; it must be a number of seconds, or -1 to wait without end");
}

Owned<GKeyFile> ReadConfigFile(OstreeRepo* repo) {
  auto path = "/proc/self/fd/" + std::to_string(ostree_repo_get_dfd(repo)) + "/config";
  Owned<GKeyFile> config(g_key_file_new());
  if (!g_key_file_load_from_file(config.get(), path.c_str(), G_KEY_FILE_NONE, nullptr)) return {};
  return config;
}

}  // namespace ostree
