#include "hash.h"

#include <dlfcn.h>

#include <array>
#include <cstdint>

#include "failure.h"

namespace ostree {
namespace {

// The part of libcrypto's EVP interface that is used here. It is found at run
// time: linked against, it would bind to the OpenSSL that Node exports.
struct Crypto {
  void* (*md_ctx_new)() = nullptr;
  void (*md_ctx_free)(void*) = nullptr;
  const void* (*sha256)() = nullptr;
  int (*init)(void*, const void*, void*) = nullptr;
  int (*update)(void*, const void*, size_t) = nullptr;
  int (*final)(void*, unsigned char*, unsigned*) = nullptr;
  const char* (*version)(int) = nullptr;
};

constexpr unsigned kSize = 32;
constexpr int kFullVersionString = 7;        // OPENSSL_FULL_VERSION_STRING
constexpr uint64_t kNoAtExit = 0x0008'0000;  // OPENSSL_INIT_NO_ATEXIT

template <class Fn>
bool Find(void* library, const char* name, Fn*& fn) {
  fn = reinterpret_cast<Fn*>(dlsym(library, name));
  return fn != nullptr;
}

// Its exit handler frees what threads have of it, also what one that has just ended is freeing itself: that
// the operations have ended does not tell when their threads have. The first to use the library decides.
void KeepUntilTheEnd(void* library) {
  int (*init)(uint64_t, const void*) = nullptr;
  if (Find(library, "OPENSSL_init_crypto", init)) init(kNoAtExit, nullptr);
}

// One table for the process; its library is never closed.
const Crypto* FindCrypto() {
  static Crypto crypto;
  for (const char* name : {"libcrypto.so.3", "libcrypto.so.4", "libcrypto.so.5"}) {
    void* library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (library) KeepUntilTheEnd(library);
    if (library && Find(library, "EVP_MD_CTX_new", crypto.md_ctx_new) &&
        Find(library, "EVP_MD_CTX_free", crypto.md_ctx_free) && Find(library, "EVP_sha256", crypto.sha256) &&
        Find(library, "EVP_DigestInit_ex", crypto.init) && Find(library, "EVP_DigestUpdate", crypto.update) &&
        Find(library, "EVP_DigestFinal_ex", crypto.final) && Find(library, "OpenSSL_version", crypto.version))
      return &crypto;
  }
  return nullptr;
}

const Crypto* TheCrypto() {
  static const Crypto* crypto = FindCrypto();
  return crypto;
}

std::string ToHex(const unsigned char* bytes, size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(size * 2);
  for (size_t i = 0; i < size; i++) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

}  // namespace

struct Sha256::State {
  void* evp = nullptr;            // libcrypto's
  GChecksum* checksum = nullptr;  // or GLib's
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (auto* crypto = TheCrypto())
    state_->evp = crypto->md_ctx_new();
  else
    state_->checksum = g_checksum_new(G_CHECKSUM_SHA256);
  Reset();
}

Sha256::~Sha256() {
  if (state_->evp) TheCrypto()->md_ctx_free(state_->evp);
  if (state_->checksum) g_checksum_free(state_->checksum);
}

void Sha256::Reset() {
  if (state_->evp)
    TheCrypto()->init(state_->evp, TheCrypto()->sha256(), nullptr);
  else
    g_checksum_reset(state_->checksum);
}

void Sha256::Update(const void* data, size_t size) {
  if (state_->evp)
    TheCrypto()->update(state_->evp, data, size);
  else
    g_checksum_update(state_->checksum, static_cast<const guchar*>(data), static_cast<gssize>(size));
}

std::string Sha256::Hex() {
  if (!state_->evp) return g_checksum_get_string(state_->checksum);
  std::array<unsigned char, 64> digest;
  unsigned size = 0;
  // A checksum that is none must not name anything.
  if (TheCrypto()->final(state_->evp, digest.data(), &size) != 1 || size != kSize)
    throw Failure("FAILED", "libcrypto could not finish a SHA-256 checksum");
  return ToHex(digest.data(), size);
}

std::string Sha256::Backend() {
  auto* crypto = TheCrypto();
  if (!crypto) return "glib";
  std::string version = crypto->version(kFullVersionString);
  return "openssl " + version;
}

}  // namespace ostree
