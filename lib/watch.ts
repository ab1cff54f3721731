// The state of a sysroot as it changes, whoever changes it.
import { type FSWatcher, watch as watchDirectory } from 'node:fs';
import { join } from 'node:path';

import { onAbort } from './abort.js';
import type { CallOptions } from './call.js';
import { type Names, checkBoolean, checkOptions, checkSignal } from './check.js';
import { OstreeError } from './errors.js';
import type { SysrootStatus } from './status.js';
import type { SysrootInner } from './sysroot-inner.js';

export interface WatchOptions extends CallOptions {
  /** false: watching alone does not keep the process running. */
  persistent?: boolean | undefined;
}

const OPTIONS: Names<WatchOptions> = { signal: true, persistent: true };

export function watch(
  sysroot: SysrootInner,
  status: (options: CallOptions) => Promise<SysrootStatus>,
  options: WatchOptions,
): AsyncGenerator<SysrootStatus, void, undefined> {
  checkOptions(options, OPTIONS);
  const { signal, persistent = true } = options;
  checkSignal(signal);
  checkBoolean(persistent, 'options.persistent');
  const waiting: Waiting = { ended: false, wake: () => {} };
  const generator = states(sysroot, () => status({ signal }), signal, persistent, waiting);
  const end = generator.return.bind(generator);
  // By itself, a generator ends only after a next() that waits, perhaps for ever.
  generator.return = (value) => {
    waiting.ended = true;
    waiting.wake();
    return end(value);
  };
  return generator;
}

/** A next() that waits for a change. */
interface Waiting {
  /** By return(). */
  ended: boolean;
  wake: () => void;
}

function watcherOf(path: string, persistent: boolean, changed: () => void): FSWatcher {
  try {
    return watchDirectory(path, { persistent }, changed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new OstreeError('NOT_FOUND', `There is no ${path}, whose changes are to be watched`, {
      path,
      cause: error,
    });
  }
}

async function* states(
  sysroot: SysrootInner,
  status: () => Promise<SysrootStatus>,
  signal: AbortSignal | undefined,
  persistent: boolean,
  waiting: Waiting,
): AsyncGenerator<SysrootStatus, void, undefined> {
  sysroot.lifetime.check();
  let changed = true;
  let failure: Error | undefined;
  // Every change sets the time of this directory, for others to see.
  const watcher = watcherOf(join(sysroot.path, 'ostree/deploy'), persistent, () => {
    changed = true;
    waiting.wake();
  });
  watcher.on('error', (error) => {
    failure = error;
    waiting.wake();
  });
  const wake = () => waiting.wake();
  const forget = [sysroot.lifetime.atClose(wake), signal && onAbort(signal, wake)];
  try {
    for (let last = ''; ;) {
      if (waiting.ended) return;
      signal?.throwIfAborted();
      sysroot.lifetime.check();
      if (failure) throw failure;
      if (!changed) {
        await new Promise<void>((resolve) => (waiting.wake = resolve));
        continue;
      }
      changed = false;
      const now = await status().catch((error: unknown) => {
        // Something else is amid a change, which it will end: then we look again.
        if (!changed) throw error;
      });
      // A change may leave things as they were, and our own look counts as one.
      const text = now && JSON.stringify(now) + String(now);
      if (!now || text === last) continue;
      last = text ?? '';
      yield now;
    }
  } finally {
    watcher.close();
    for (const end of forget) end?.();
  }
}
