// Memory of a JavaScript buffer that a worker fills while JavaScript waits for
// the result: no copy is made on the JS thread.
//
//   JsBytes bytes(args.Next(), call);                       JS thread
//   JsBytesWriter writer(bytes, job.cancellable());         worker
//   writer.Write(offset, data, size);
#pragma once

#include <mutex>

#include "convert.h"

namespace ostree {

class JsBytes {
 public:
  // `holder` is the call: it lives as long as the operation, and keeps the buffer with it.
  JsBytes(Napi::Value buffer, const std::string& name, Napi::Value holder);

  size_t size() const { return size_; }

 private:
  friend class JsBytesWriter;
  uint8_t* data_;
  size_t size_;
};

// An environment that ends cancels its operations and waits for them, but not for ever: once
// cancelled, nothing is written any more, for the memory may be gone.
class JsBytesWriter {
 public:
  JsBytesWriter(const JsBytes& bytes, GCancellable* cancellable);
  ~JsBytesWriter();
  JsBytesWriter(const JsBytesWriter&) = delete;

  // Throws CANCELLED.
  void Write(size_t offset, const void* data, size_t size);

 private:
  static void OnCancelled(GCancellable*, gpointer self);

  const JsBytes bytes_;
  GCancellable* const cancellable_;
  std::mutex mutex_;
  bool open_ = true;
  gulong connection_;
};

}  // namespace ostree
