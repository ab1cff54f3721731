// Trying again what may work the next time.
import { setTimeout as pause } from 'node:timers/promises';

import { untilAborted } from './abort.js';

/** Milliseconds before the second try; twice as many before each further one. */
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 10_000;

export interface RetryRules {
  /** How often it is tried again after it failed. */
  retries: number;
  signal: AbortSignal;
  /** Whether another try may fare better. */
  mayHelp: (error: unknown) => boolean;
}

/** Runs `body` until it succeeds, it has failed too often, or it has failed for good; or is no longer waited for. */
export async function retrying<T>(
  { retries, signal, mayHelp }: RetryRules,
  body: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted();
    try {
      return await untilAborted(signal, body());
    } catch (error) {
      signal.throwIfAborted();
      if (failures >= retries || !mayHelp(error)) throw error;
      // Not all of those that failed together come back together.
      const wait = Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
      await pause(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
