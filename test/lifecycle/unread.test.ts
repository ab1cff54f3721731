// What nobody reads, and what waits, is in nobody's way.
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { cliRepo } from '../support/repo.js';

const STREAMS = 100;
const LOCKS = 20;

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

it('a hundred unread streams and twenty waiting locks delay no read, and all end when aborted', async () => {
  const cli = await cliRepo();
  // Larger than what a stream reads ahead.
  const checksum = await cli.commit('main', { file: Buffer.alloc(1 << 20, 'x') });
  await holdLock(cli.path, 'F_WRLCK');
  await using repo = await Repo.open(cli.path);

  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error('enough');
  const streams = Array.from({ length: STREAMS }, () => repo.createReadStream('main', '/file', { signal }));
  // Half of them are never touched; the others are full, and nobody takes anything out of them.
  const full = streams.slice(0, STREAMS / 2);
  const ended = full.map((stream) => once(stream, 'close').catch((error: unknown) => error));
  await Promise.all(full.map((stream) => once(stream, 'readable')));
  const locks = Array.from({ length: LOCKS }, (_, i) =>
    repo.lock(i % 2 ? 'shared' : 'exclusive', { signal }),
  );
  const waiting = Promise.allSettled(locks);

  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const started = performance.now();
    expect(await repo.resolveRev('main')).toBe(checksum);
    times.push(performance.now() - started);
  }
  expect(median(times)).toBeLessThan(50);

  const aborted = performance.now();
  controller.abort(reason);
  expect(await waiting).toEqual(Array(LOCKS).fill({ status: 'rejected', reason }));
  expect(await Promise.all(ended)).toEqual(Array(STREAMS / 2).fill(reason));
  for (const stream of streams.slice(STREAMS / 2)) await expect(buffer(stream)).rejects.toBe(reason);
  expect(performance.now() - aborted).toBeLessThan(5_000);
});

it('calls that wait for another process keep nobody else from working', async () => {
  const busy = await cliRepo();
  await holdLock(busy.path, 'F_WRLCK');
  const free = await cliRepo();
  await using waitingRepo = await Repo.open(busy.path);
  await using repo = await Repo.open(free.path);

  // More than there are threads for long work.
  const controller = new AbortController();
  const locks = Array.from({ length: 40 }, () => waitingRepo.lock('shared', { signal: controller.signal }));
  const waiting = Promise.allSettled(locks);
  const started = performance.now();
  await repo.commit({ branch: 'main', tree: import.meta.dirname });
  expect(performance.now() - started).toBeLessThan(10_000); // they wait for 30 s
  controller.abort();
  for (const { status } of await waiting) expect(status).toBe('rejected');
});
