#include "input_stream.h"

#include <string>

#include "failure.h"

namespace ostree {
namespace {

struct Instance {
  GInputStream parent;
  InputStream* owner;
};

gssize ReadFn(GInputStream* stream, void* buffer, gsize size, GCancellable*, GError** error) {
  auto* owner = reinterpret_cast<Instance*>(stream)->owner;
  if (owner) return owner->Read(static_cast<char*>(buffer), size, error);
  g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The stream's source is gone");
  return -1;
}

GType Type() {
  static const GType type = [] {
    // A type's name is unique in the process, and two copies of this library
    // may be loaded: the address of this variable tells them apart.
    static const char anchor = 0;
    auto name = "OstreeNodeInputStream-" + std::to_string(reinterpret_cast<uintptr_t>(&anchor));
    auto init_class = [](void* klass, void*) { static_cast<GInputStreamClass*>(klass)->read_fn = ReadFn; };
    return g_type_register_static_simple(G_TYPE_INPUT_STREAM, name.c_str(), sizeof(GInputStreamClass),
                                         init_class, sizeof(Instance), nullptr, GTypeFlags(0));
  }();
  return type;
}

}  // namespace

InputStream::InputStream(ReadFunction read)
    : read_(std::move(read)),
      stream_(Shared<GInputStream>::Take(static_cast<GInputStream*>(g_object_new(Type(), nullptr)))) {
  reinterpret_cast<Instance*>(stream_.get())->owner = this;
}

InputStream::~InputStream() { reinterpret_cast<Instance*>(stream_.get())->owner = nullptr; }

gssize InputStream::Read(char* buffer, size_t size, GError** error) {
  try {
    return static_cast<gssize>(read_(buffer, size));
  } catch (const std::exception& failure) {
    error_ = std::current_exception();
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, failure.what());
    return -1;
  }
}

void InputStream::CheckReads() const {
  if (error_) std::rethrow_exception(error_);
}

}  // namespace ostree
