#include "byte_channel.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "executor.h"
#include "on_cancel.h"

namespace ostree {

ByteChannel::ByteChannel(int& theirs) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) throw Failure::Errno("socketpair", "");
  ours_ = Fd(ends[0]);
  Fd other(ends[1]);
  wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) throw Failure::Errno("eventfd", "");
  theirs = other.release();
}

void ByteChannel::Wait(short events, GCancellable* cancellable) const {
  OwnThreads::Waiting waiting;  // or sixteen that wait for each other would do so for ever
  OnCancel wakes(cancellable, [wake = wake_.get()] { eventfd_write(wake, 1); });
  pollfd fds[2] = {{ours_.get(), events, 0}, {wake_.get(), POLLIN, 0}};
  poll(fds, 2, -1);
  eventfd_t ignored;
  eventfd_read(wake_.get(), &ignored);
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
      Wait(POLLOUT, cancellable);
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
      Wait(POLLIN, cancellable);
    else if (errno != EINTR)
      throw Failure::Errno("recv", "");
  }
}

void ByteChannel::Close() {
  std::lock_guard lock(mutex_);
  ours_ = Fd();
  wake_ = Fd();
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
