#include "byte_channel.h"

#include <sys/socket.h>

#include "executor.h"

namespace ostree {

ByteChannel::ByteChannel(int& theirs) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) throw Failure::Errno("socketpair", "");
  ours_ = Fd(ends[0]);
  theirs = ends[1];
}

void ByteChannel::Wait(short events, GCancellable* cancellable) const {
  OwnThreads::Waiting waiting;  // or sixteen that wait for each other would do so for ever
  GPollFD fds[2] = {{ours_.get(), static_cast<gushort>(events), 0}, {}};
  bool wakes = g_cancellable_make_pollfd(cancellable, &fds[1]);
  g_poll(fds, wakes ? 2 : 1, -1);
  if (wakes) g_cancellable_release_fd(cancellable);
  ThrowIfCancelled(cancellable);
}

void ByteChannel::Write(const void* data, size_t size, GCancellable* cancellable) {
  std::lock_guard lock(mutex_);
  auto* bytes = static_cast<const char*>(data);
  for (size_t at = 0; at < size;) {
    ssize_t count = send(ours_.get(), bytes + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0)
      at += static_cast<size_t>(count);
    else if (errno == EAGAIN)
      Wait(G_IO_OUT, cancellable);
    else if (errno != EINTR)
      throw Failure::Errno("send", "");
  }
}

size_t ByteChannel::Read(void* data, size_t size, GCancellable* cancellable) {
  std::lock_guard lock(mutex_);
  for (;;) {
    ThrowIfCancelled(cancellable);
    ssize_t count = recv(ours_.get(), data, size, MSG_DONTWAIT);
    if (count > 0) return static_cast<size_t>(count);
    if (count == 0 && !finished_) throw Failure("FAILED", "The stream broke off");
    if (count == 0) return 0;
    if (errno == EAGAIN)
      Wait(G_IO_IN, cancellable);
    else if (errno != EINTR)
      throw Failure::Errno("recv", "");
  }
}

void ByteChannel::Close() {
  std::lock_guard lock(mutex_);
  ours_ = Fd();
}

Napi::Value ChannelNew(const Napi::CallbackInfo& info) {
  int fd = -1;
  auto channel = std::make_shared<ByteChannel>(fd);
  auto result = Napi::Object::New(info.Env());
  result.Set("channel", NewHandle(info.Env(), channel));
  result.Set("fd", Napi::Number::New(info.Env(), fd));
  return result;
}

Napi::Value ChannelFinish(const Napi::CallbackInfo& info) {
  FromHandle<ByteChannel>(info[0], "channel")->Finish();
  return info.Env().Undefined();
}

}  // namespace ostree
