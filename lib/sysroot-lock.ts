// The lock of a sysroot: whoever changes it holds it. Counted per Sysroot, so
// that what is done while holding it does not wait for itself.
import { setTimeout as delay } from 'node:timers/promises';

import type { SysrootHandle } from '../typings/addon.js';
import { type CallOptions, run } from './call.js';
import { checkOptions } from './check.js';
import { OstreeError } from './errors.js';
import { Lifetime } from './lifetime.js';
import { native } from './native.js';
import { shown } from './show.js';

/** As long as others are given for a repository's lock. */
export const LOCK_TIMEOUT = 30_000;
const LONGEST_PAUSE = 200;

export class SysrootLocking {
  readonly #sysroot: SysrootHandle;
  readonly #path: string;
  #held = 0;

  constructor(sysroot: SysrootHandle, path: string) {
    this.#sysroot = sysroot;
    this.#path = path;
  }

  async acquire(signal: AbortSignal, timeout = LOCK_TIMEOUT): Promise<void> {
    const deadline = performance.now() + timeout;
    for (let pause = 5; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      if (this.#held === 0) {
        const attempt = await run({ signal }, (call) => native().sysrootTryLock(this.#sysroot, call));
        // Without success another call of ours may have had it meanwhile.
        if (!attempt.acquired && this.#held === 0) {
          const left = deadline - performance.now();
          if (left <= 0) throw this.#lockedBy(attempt.holder);
          await this.#pause(Math.min(pause, left), signal);
          continue;
        }
      }
      this.#held += 1;
      return;
    }
  }

  async release(): Promise<void> {
    this.#held -= 1;
    if (this.#held === 0) await run({}, (call) => native().sysrootUnlock(this.#sysroot, call));
  }

  /** Runs `body` while the lock is held. */
  async during<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    await this.acquire(signal);
    try {
      return await body();
    } finally {
      await this.release();
    }
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    try {
      await delay(milliseconds, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  #lockedBy(holder: 'this-process' | 'other-process'): OstreeError {
    const who = holder === 'this-process' ? 'Another Sysroot of this process' : 'Another process';
    return new OstreeError(
      'LOCKED',
      `${who} holds the lock of the sysroot ${this.#path}; wait for it to end`,
      {
        path: this.#path,
        details: { holder },
      },
    );
  }
}

/** The lock of a sysroot, held. Changes made through the same Sysroot run under it. */
export class SysrootLock implements AsyncDisposable {
  readonly #locking: SysrootLocking;
  readonly #sysroot: Lifetime;
  readonly #lifetime: Lifetime;
  readonly #path: string;

  static {
    shown(this, (lock) =>
      #lifetime in lock ? { sysroot: lock.#path, released: lock.#lifetime.closed } : undefined,
    );
  }

  /** @internal Use `sysroot.lock()`. */
  constructor(locking: SysrootLocking, sysroot: Lifetime, path: string) {
    this.#locking = locking;
    this.#sysroot = sysroot;
    this.#path = path;
    this.#lifetime = new Lifetime(`The lock of the sysroot ${path}`);
    this.#lifetime.watch(this);
  }

  /** Gives the lock up, once changes that run under it have ended. Idempotent. Wraps `ostree_sysroot_unlock()`. */
  async release(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    await this.#lifetime.close(options, async () => {
      // Closing the sysroot gave it up already.
      if (!this.#sysroot.closed) await this.#locking.release();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
