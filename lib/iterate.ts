// Long lists, which the addon hands over in batches.
import type { Cursor } from '../typings/addon.js';
import type { CallOptions, Step } from './call.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';

/** Yields the items; ends with an error as soon as the signal is aborted or the Repo is closed. It begins with the first `next()`. */
export async function* iterate<T>(
  repo: RepoInner,
  begin: () => Cursor<T>,
  options: CallOptions,
): AsyncGenerator<T, void, undefined> {
  repo.lifetime.check();
  const cursor = begin();
  for (;;) {
    const { items, done } = await repo.lifetime.run(options, (call) => native().cursorNext(cursor, call));
    for (const item of items) {
      options.signal?.throwIfAborted();
      repo.lifetime.check();
      yield item;
    }
    if (done) return;
  }
}

/** All items at once, as part of a call that close() waits for. */
export async function collect<T>(cursor: Cursor<T>, step: Step): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const { items, done } = await step((call) => native().cursorNext(cursor, call));
    for (const item of items) all.push(item);
    if (done) return all;
  }
}
