// Several asynchronous tasks side by side, within limits.
import { onAbort } from './abort.js';

export interface TaskLimits {
  signal: AbortSignal;
  /** How many run at once. */
  concurrency: number;
  /** What those that run may cost together. One that alone costs more runs alone. */
  budget: number;
}

export class Tasks {
  readonly #limits: TaskLimits;

  constructor(limits: TaskLimits) {
    this.#limits = limits;
  }

  /**
   * The results, in the order of the list. The first failure cancels what runs, starts nothing more, and is thrown once
   * all have ended.
   */
  async map<T, R>(
    list: readonly T[],
    costOf: (item: T) => number,
    run: (item: T, signal: AbortSignal) => Promise<R>,
  ): Promise<R[]> {
    const { signal, concurrency, budget } = this.#limits;
    signal.throwIfAborted(); // nobody tells of it again
    const controller = new AbortController();
    const forget = onAbort(signal, () => controller.abort(signal.reason));
    const results: R[] = [];
    const running = new Set<Promise<void>>();
    let cost = 0;
    let failure: { error: unknown } | undefined;
    const start = async (item: T, i: number): Promise<void> => {
      cost += costOf(item);
      try {
        results[i] = await run(item, controller.signal);
      } catch (error) {
        failure ??= { error };
        controller.abort(error);
      } finally {
        cost -= costOf(item);
      }
    };
    for (const [i, item] of list.entries()) {
      while (running.size > 0 && (running.size >= concurrency || cost + costOf(item) > budget))
        await Promise.race(running);
      if (controller.signal.aborted) break;
      const task: Promise<void> = start(item, i).finally(() => running.delete(task));
      running.add(task);
    }
    await Promise.all(running);
    forget();
    if (failure) throw failure.error;
    signal.throwIfAborted();
    return results;
  }
}
