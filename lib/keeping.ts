// Work of several steps, during which nobody may prune the repository.
import { run } from './call.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';

/** Milliseconds to wait for others who prune it. */
const LOCK_TIMEOUT = 30_000;

/** Runs `body` under a shared lock, of this process and of libostree. */
export async function whileKept<T>(
  { native: handle }: RepoInner,
  signal: AbortSignal,
  body: () => Promise<T>,
): Promise<T> {
  const { lock } = await run({ signal }, (call) => native().repoLock(handle, false, LOCK_TIMEOUT, call));
  try {
    return await body();
  } finally {
    await run({}, (call) => native().repoLockRelease(lock, call));
  }
}
