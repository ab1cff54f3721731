// Every method with onProgress tells how far it is: in the caller's asynchronous context, plain data, before it settles
// and never after; what the callback throws ends it.
import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';

import { createRepoReceiver, type ProgressOptions, Repo } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { end, MAIN, prepare, templateOfFile, type World, world } from '../support/every-call.js';
import { listen } from '../support/publish.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

const made = templateOfFile();

async function emptyRepo(mode: string): Promise<Repo> {
  const repo = await Repo.open((await cliRepo(mode)).path);
  onTestFinished(() => repo.close());
  return repo;
}

async function receiver(): Promise<string> {
  const { url } = await listen(createRepoReceiver(await emptyRepo('archive'), { authorize: () => true }));
  return url;
}

type Options = ProgressOptions<object>;
const CALLS: Record<string, (world: World, options: Options) => Promise<unknown>> = {
  checkout: ({ repo, dir }, options) =>
    repo.checkout('main', join(dir, 'out'), { ...options, forceCopy: true }),
  commit: ({ repo, tree }, options) => repo.commit({ ...options, tree }),
  createUsb: ({ repo, dir }, options) => repo.createUsb(dir, { ...options, refs: [MAIN] }),
  'deltas.generateMany': ({ repo, commits }, options) =>
    repo.deltas.generateMany([{ to: commits[1], from: null }], options),
  fsck: ({ repo }, options) => repo.fsck(options),
  publish: ({ repo, dir }, options) => repo.publish(join(dir, 'published'), options),
  'publish to a Repo': async ({ repo }, options) => await repo.publish(await emptyRepo('bare-user'), options),
  'publish to a receiver': async ({ repo }, options) => await repo.publish(await receiver(), options),
  pull: ({ repo }, options) => repo.pull('origin', { ...options, refs: ['main'] }),
  pullFromRemotes: ({ repo, found }, options) => repo.pullFromRemotes(found, options),
  pullLocal: ({ repo, source }, options) => repo.pullLocal(source, { ...options, remote: 'origin' }),
  'txn.commit': async ({ repo, tree }, options) =>
    await repo.transaction((txn) => txn.commit({ ...options, tree })),
};

describe.each(Object.entries(CALLS))('%s()', (_, call) => {
  it('tells how far it is, before it settles', async () => {
    const place = await world(made());
    await prepare(place, 'Repo', 'pullFromRemotes');
    const storage = new AsyncLocalStorage<string>();
    const told: unknown[] = [];
    const contexts = new Set<unknown>();
    const onProgress = (state: object) => {
      told.push(JSON.parse(JSON.stringify(state)));
      contexts.add(storage.getStore());
    };
    await storage.run('the caller', () => call(place, { onProgress }));
    expect(told.length).toBeGreaterThan(0);
    expect([...contexts]).toEqual(['the caller']);
    const before = told.length;
    await end(place); // which waits for every thread
    expect(told).toHaveLength(before);
  });

  it('ends by what its callback throws', async () => {
    const place = await world(made());
    await prepare(place, 'Repo', 'pullFromRemotes');
    const thrown = new Error('enough');
    let calls = 0;
    const onProgress = (): never => {
      calls++;
      throw thrown;
    };
    await expect(call(place, { onProgress })).rejects.toBe(thrown);
    expect(calls).toBe(1);
    expect((await place.repo.fsck()).verdict).toBe('ok');
    await end(place);
  });

  it('ends by a signal that its callback aborts, and works the next time', async () => {
    const place = await world(made());
    await prepare(place, 'Repo', 'pullFromRemotes');
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    // The first word may be the last one: then it has been done.
    const came = await call(place, { onProgress, signal: controller.signal }).catch(
      (error: unknown) => error,
    );
    if (came instanceof Error) expect(came).toBe(reason);
    place.dir = await temporaryDirectory();
    await call(place, {});
    expect((await place.repo.fsck()).verdict).toBe('ok');
    await end(place);
  });
});
