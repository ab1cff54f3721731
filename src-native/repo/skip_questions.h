// Asking JavaScript which files a commit is to leave out: `skip` as a function.
#pragma once

#include <memory>

#include "core/byte_channel.h"
#include "engine/plan.h"

namespace ostree {

// Who is asked is at the other end of the channel. The operation's thread waits for the answers.
AskSkips AskThrough(std::shared_ptr<ByteChannel> channel, GCancellable* cancellable);

}  // namespace ostree
