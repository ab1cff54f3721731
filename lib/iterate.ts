// Long lists, which the addon hands over in batches.
import type { Cursor } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { native } from './native.js';
import type { RepoInner } from './repo.js';

/** Yields the items; ends with an error as soon as the signal is aborted or the Repo is closed. */
export async function* iterate<T>(
  repo: RepoInner,
  cursor: Cursor<T>,
  options: CallOptions,
): AsyncGenerator<T, void, undefined> {
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

/** All items at once. */
export async function collect<T>(repo: RepoInner, cursor: Cursor<T>, options: CallOptions): Promise<T[]> {
  const all: T[] = [];
  for await (const item of iterate(repo, cursor, options)) all.push(item);
  return all;
}
