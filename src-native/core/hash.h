// SHA-256, by OpenSSL's libcrypto where the machine has one (SHA-NI), else by GLib.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace ostree {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;

  void Update(const void* data, size_t size);
  std::string Hex();  // ends the digest: 64 lower-case hex digits
  void Reset();       // for the next digest

  // "openssl 3.0.11" or "glib"
  static std::string Backend();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ostree
