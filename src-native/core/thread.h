// Threads: never libuv's pool. Each is detached, has an 8 MB stack on every
// libc, blocks all signals (they belong to Node's threads; what it forks does
// not), and is stopped by the operations it runs being cancelled.
#pragma once

#include <functional>

namespace ostree {

// nice: how much less of the processor it asks for than the event loop.
void StartThread(const char* name, int nice, std::function<void()> main);

// The calling thread is about to get a mount namespace of its own, which
// threads inherit: those it starts from now on are started by another one.
void StartThreadsElsewhere();

}  // namespace ostree
