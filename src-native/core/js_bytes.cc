#include "js_bytes.h"

#include <cstring>

namespace ostree {

JsBytes::JsBytes(Napi::Value buffer, const std::string& name, Napi::Value holder) {
  if (!buffer.IsTypedArray() || buffer.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw ArgTypeError(buffer.Env(), name + " must be a Uint8Array");
  if (!holder.IsObject()) throw ArgTypeError(buffer.Env(), "call must be a native call");
  holder.As<Napi::Object>().Set(name, buffer);
  auto array = buffer.As<Napi::Uint8Array>();
  data_ = array.Data();
  size_ = array.ByteLength();
}

JsBytesWriter::JsBytesWriter(const JsBytes& bytes, GCancellable* cancellable)
    : bytes_(bytes),
      cancellable_(cancellable),
      connection_(g_cancellable_connect(cancellable, G_CALLBACK(OnCancelled), this, nullptr)) {}

JsBytesWriter::~JsBytesWriter() { g_cancellable_disconnect(cancellable_, connection_); }

void JsBytesWriter::OnCancelled(GCancellable*, gpointer self) {
  auto* writer = static_cast<JsBytesWriter*>(self);
  std::lock_guard lock(writer->mutex_);
  writer->open_ = false;
}

void JsBytesWriter::Write(size_t offset, const void* data, size_t size) {
  std::lock_guard lock(mutex_);
  if (!open_) ThrowIfCancelled(cancellable_);
  if (offset > bytes_.size_ || size > bytes_.size_ - offset)
    throw Failure("FAILED", "A write beyond the end of a buffer");
  if (size) memcpy(bytes_.data_ + offset, data, size);
}

}  // namespace ostree
