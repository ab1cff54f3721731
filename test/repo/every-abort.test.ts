// Every method takes a signal: aborted before, nothing is done; aborted at any moment, it ends with the reason or has
// taken effect as a whole, and what is left is sound and can be gone on with.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  end,
  EVERY,
  GROUPS,
  LONG,
  methodsOf,
  outcome,
  prepare,
  stateOf,
  templateOfFile,
  UNSUPPORTED,
  world,
} from '../support/every-call.js';
import { holdLock } from '../support/lock-holder.js';
import { temporaryDirectory } from '../support/repo.js';

const made = templateOfFile();
for (const [method, why] of Object.entries(UNSUPPORTED))
  console.warn(`${method}() is aborted before it begins, but not later: ${why}`);

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

it.each(GROUPS)('aborted before, nothing is done: $name', async ({ name, calls, on, without = [] }) => {
  const place = await world(made());
  await prepare(place, name);
  await place.transaction?.abort();
  const before = await stateOf(place.path, place.dir, place.tree);
  if (name === 'Transaction') await prepare(place, name);
  const has = on?.(place);
  if (has) expect([...Object.keys(calls), ...without].sort()).toEqual(methodsOf(has));
  for (const [method, call] of Object.entries(calls)) {
    const reason = new Error(method);
    const signal = AbortSignal.abort(reason);
    await expect(
      outcome(() => call(place, { signal })),
      method,
    ).rejects.toBe(reason);
    if (method === 'commitTransaction') await prepare(place, name); // that one has ended
  }
  await end(place);
  expect(await stateOf(place.path, place.dir, place.tree)).toEqual(before);
});

/** In turns of the event loop. The first is the tick of the call itself. */
const MOMENTS = [0, 1, 4, 15];
/** What may be in tmp/ afterwards: the next transaction takes a staging directory, and a request goes on for a while. */
const TEMPORARY = /^(?:cache|staging-.*|summaries-\d+)$/;
describe('aborted at any moment', () => {
  it.each(LONG)('%s: %s()', async (group, method, call) => {
    const reason = new Error('enough');
    const place = await world(made());
    for (const moment of MOMENTS) {
      await prepare(place, group, method);
      const controller = new AbortController();
      const running = outcome(() => call(place, { signal: controller.signal })).then(
        () => 'done',
        (error: unknown) => error,
      );
      await turns(moment);
      controller.abort(reason);
      const came = await running;
      await place.transaction?.abort();
      // A checkout leaves what it has made.
      if (method === 'checkout') place.dir = await temporaryDirectory();
      if (came === 'done') break;
      expect(came, `after ${moment}`).toBe(reason);
    }
    // What goes on for a while after an abort, as a comparison of two files for a delta, cleans up when it ends.
    const left = async () => (await readdir(join(place.path, 'tmp'))).filter((name) => !TEMPORARY.test(name));
    await expect.poll(left, { timeout: 30_000 }).toEqual([]);
    expect((await place.repo.fsck()).verdict).not.toBe('corrupt');
    await end(place);
  });
});

/** What another process keeps waiting that has the lock. */
const WAITING = [
  'begin', 'commit', 'deleteObject', 'lock', 'prune', 'publish', 'pull', 'pullFromRemotes', 'pullLocal', 'retain', 'transaction',
]; // prettier-ignore

it('aborted while another process has the lock, nothing is done', async () => {
  const place = await world(made());
  await prepare(place, 'Repo');
  const before = await stateOf(place.path, place.dir, place.tree);
  const release = await holdLock(place.path, 'F_WRLCK');
  for (const [group, method, call] of EVERY) {
    if (group !== 'Repo' || !WAITING.includes(method)) continue;
    const reason = new Error(method);
    const controller = new AbortController();
    const running = outcome(() => call(place, { signal: controller.signal })).catch(
      (error: unknown) => error,
    );
    await turns(20);
    controller.abort(reason);
    expect(await running).toBe(reason);
  }
  await release();
  expect(await stateOf(place.path, place.dir, place.tree)).toEqual(before);
  await end(place);
});
