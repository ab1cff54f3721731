// One native call: the only place that knows how AbortSignal, progress and
// native failures meet.
import { AsyncResource } from 'node:async_hooks';

import type { Call } from '../typings/addon.js';
import { onAbort } from './abort.js';
import { checkFunction, checkOptionsObject, checkSignal } from './check.js';
import { fromNative } from './errors.js';
import { outside } from './inside.js';
import { native } from './native.js';

export interface CallOptions {
  /** Aborting cancels the call: it rejects with the signal's reason, unless it had already taken effect. */
  signal?: AbortSignal | undefined;
}

export interface ProgressOptions<P> extends CallOptions {
  /** The latest state, at most about ten times a second, never after the promise has settled. A throw cancels the call. */
  onProgress?: ((progress: P) => void) | undefined;
}

export interface RunOptions<P> extends ProgressOptions<P> {
  /** Milliseconds to wait for other work of this process on the repository before giving up with LOCKED. */
  gateTimeout?: number | undefined;
}

/** libostree's own default for its lock, `core.lock-timeout-secs`, as of 2022.7. */
const GATE_TIMEOUT = 30_000;

/** The longest time that a timer can take, almost 25 days; of a longer one Node makes a millisecond. */
export const MAX_TIMER = 2 ** 31 - 1;

/**
 * Runs one native call. Rejects, never throws.
 * The rejection is the signal's reason when the signal was aborted, else an OstreeError or an argument error.
 *
 * @param started - is given what cancels the call, once it has started
 */
export async function run<T, P = never>(
  options: RunOptions<P>,
  start: (call: Call) => Promise<T>,
  started?: (cancel: () => void) => void,
): Promise<T> {
  checkOptionsObject(options);
  const { signal, onProgress } = options;
  checkSignal(signal);
  if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
  signal?.throwIfAborted();

  const addon = native();
  // bind: AsyncLocalStorage follows the caller into the callback.
  const call = addon.callNew(onProgress && outside(() => AsyncResource.bind(onProgress)));
  const cancel = () => addon.callCancel(call);
  const forget = signal && onAbort(signal, cancel);
  started?.(cancel);
  let impatience: NodeJS.Timeout | undefined;
  try {
    const result = start(call);
    // Most calls wait for nobody, and a timer is a large part of what a small read takes.
    if (addon.callWaits(call)) {
      const patience = Math.min(options.gateTimeout ?? GATE_TIMEOUT, MAX_TIMER);
      impatience = setTimeout(() => addon.callGiveUp(call), patience);
    }
    return await result;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw fromNative(error);
  } finally {
    clearTimeout(impatience);
    forget?.();
  }
}

/** Runs one native call of several that are one to the caller. */
export type Step = <T>(start: (call: Call) => Promise<T>) => Promise<T>;

export function stepsUnder(signal: AbortSignal): Step {
  return (start) => run({ signal }, start);
}
