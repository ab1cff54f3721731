// Bytes between JavaScript and an operation, either way: one end is a socket of
// JavaScript's, the other is read or written by the operation's thread, which
// waits for the other side and is woken when it is cancelled.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "handle.h"

namespace ostree {

class ByteChannel {
 public:
  static constexpr napi_type_tag kTag = {0x6c07d9b42ea1f358, 0x95d3e81b70f6a42c};
  static constexpr const char* kName = "channel";
  static constexpr bool kDropOnJsThread = false;

  // `theirs` becomes the other end, for whoever takes it to close.
  explicit ByteChannel(int& theirs);

  // All of it. Fails when the other end is closed.
  void Write(const void* data, size_t size, GCancellable* cancellable);
  // At least one byte; 0 at the end, which the other side must have declared: what merely broke off is a
  // failure.
  size_t Read(void* data, size_t size, GCancellable* cancellable);
  // Before the other side closes its end: that was all.
  void Finish() { finished_ = true; }
  // This end; the other side finds the end.
  void Close();

 private:
  void Wait(short events, GCancellable* cancellable) const;

  std::atomic<bool> finished_ = false;
  std::mutex mutex_;  // one operation uses it; JS may start several with it
  Fd ours_;
  Fd wake_;  // written to when the operation is cancelled; GLib's own would end the process where there is
             // none
};

Napi::Value ChannelNew(const Napi::CallbackInfo& info);     // () => { channel, fd }
Napi::Value ChannelFinish(const Napi::CallbackInfo& info);  // (channel)

}  // namespace ostree
