// Ownership of GLib and libostree values, as types.
//
//   Shared<T>  shared, reference counted: GObjects, GVariant, GBytes.
//   Owned<T>   one owner: strings, tables, errors.
//   Out(p)     fills a Shared or an Owned from a C out-parameter.
//   Fd         one owner of a file descriptor.
//
// No other file may write new, delete, g_free, an _unref or close().
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <ostree.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace ostree {

template <class T>
struct RefCount {
  static void Ref(T* p) { g_object_ref(p); }
  static void Unref(T* p) { g_object_unref(p); }
};

template <>
struct RefCount<GVariant> {
  // Sinks a floating reference, so that a freshly built variant can be shared too.
  static void Ref(GVariant* p) { g_variant_ref_sink(p); }
  static void Unref(GVariant* p) { g_variant_unref(p); }
};

template <>
struct RefCount<GVariantDict> {
  static void Ref(GVariantDict* p) { g_variant_dict_ref(p); }
  static void Unref(GVariantDict* p) { g_variant_dict_unref(p); }
};

template <>
struct RefCount<GBytes> {
  static void Ref(GBytes* p) { g_bytes_ref(p); }
  static void Unref(GBytes* p) { g_bytes_unref(p); }
};

template <>
struct RefCount<GMainContext> {
  static void Ref(GMainContext* p) { g_main_context_ref(p); }
  static void Unref(GMainContext* p) { g_main_context_unref(p); }
};

template <>
struct RefCount<GSource> {
  static void Ref(GSource* p) { g_source_ref(p); }
  static void Unref(GSource* p) { g_source_unref(p); }
};

template <>
struct RefCount<GHashTable> {
  static void Ref(GHashTable* p) { g_hash_table_ref(p); }
  static void Unref(GHashTable* p) { g_hash_table_unref(p); }
};

template <>
struct RefCount<GPtrArray> {
  static void Ref(GPtrArray* p) { g_ptr_array_ref(p); }
  static void Unref(GPtrArray* p) { g_ptr_array_unref(p); }
};

template <class T>
class Shared {
 public:
  using pointer = T*;

  Shared() = default;
  Shared(const Shared& other) : p_(other.p_) {
    if (p_) RefCount<T>::Ref(p_);
  }
  Shared(Shared&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~Shared() {
    if (p_) RefCount<T>::Unref(p_);
  }

  // (transfer full): the reference is already ours.
  static Shared Take(T* p) {
    Shared result;
    result.p_ = p;
    return result;
  }
  // (transfer none), or a floating GVariant: adds (or sinks) a reference.
  static Shared Share(T* p) {
    if (p) RefCount<T>::Ref(p);
    return Take(p);
  }

  void reset(T* p = nullptr) { *this = Take(p); }
  T* get() const { return p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  T* p_ = nullptr;
};

struct Free {
  void operator()(char* p) const { g_free(p); }
  void operator()(guchar* p) const { g_free(p); }
  void operator()(char** p) const { g_strfreev(p); }
  void operator()(GError* p) const { g_error_free(p); }
  void operator()(DIR* p) const { closedir(p); }
  void operator()(GHashTable* p) const { g_hash_table_unref(p); }
  void operator()(GPtrArray* p) const { g_ptr_array_unref(p); }
  void operator()(GKeyFile* p) const { g_key_file_unref(p); }
  void operator()(GString* p) const { g_string_free(p, TRUE); }
  void operator()(GVariantType* p) const { g_variant_type_free(p); }
  void operator()(OstreeKernelArgs* p) const { ostree_kernel_args_free(p); }
  void operator()(OstreeCollectionRef** p) const { ostree_collection_ref_freev(p); }
  void operator()(OstreeRepoCommitModifier* p) const { ostree_repo_commit_modifier_unref(p); }
};

template <class T>
using Owned = std::unique_ptr<T, Free>;

// A null-terminated array of strings.
using OwnedStrv = std::unique_ptr<char*, Free>;

template <class P>
class Out {
 public:
  explicit Out(P& target) : target_(target) {}
  ~Out() { target_.reset(raw_); }
  Out(const Out&) = delete;
  operator typename P::pointer *() { return &raw_; }

 private:
  P& target_;
  typename P::pointer raw_ = nullptr;
};

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // The caller becomes the owner, as fdopendir() asks.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace ostree
