// What a call goes through: abort at every stage, many waiting ones, close().
import { getEventListeners } from 'node:events';

import { OstreeError, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { holdLock } from '../support/lock-holder.js';
import { cliRepo } from '../support/repo.js';

async function repoWithCommit() {
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  return { cli, repo: await Repo.open(cli.path) };
}

describe('abort', () => {
  it('after the end changes nothing', async () => {
    const { repo } = await repoWithCommit();
    await using _ = repo;
    const controller = new AbortController();
    const checksum = await repo.resolveRev('main', { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    const reading = repo.resolveRev('main');
    controller.abort();
    expect(await reading).toBe(checksum);
  });

  it('takes a signal of another realm, and refuses what is only something like it', async () => {
    const { repo } = await repoWithCommit();
    await using _ = repo;
    const other = {
      aborted: false,
      throwIfAborted: () => {},
      addEventListener: () => {},
      removeEventListener: () => {},
    };
    expect(await repo.resolveRev('main', { signal: other as never })).toHaveLength(64);
    for (const bad of [
      {},
      [],
      { aborted: false },
      { aborted: false, addEventListener() {} },
      { ...other, aborted: 'no' },
      { ...other, removeEventListener: undefined },
    ])
      await expect(repo.resolveRev('main', { signal: bad as never })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
      });
  });

  it('of one signal ends twenty calls, without a warning of too many listeners', async () => {
    const { cli, repo } = await repoWithCommit();
    await using _ = repo;
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    await holdLock(cli.path, 'F_WRLCK');
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = Array.from({ length: 20 }, () => repo.lock('exclusive', { signal: controller.signal }));
    const started = performance.now();
    expect(await repo.resolveRev('main')).toHaveLength(64);
    expect(performance.now() - started).toBeLessThan(1_000); // it does not queue behind them
    controller.abort(reason);
    for (const result of await Promise.allSettled(waiting))
      expect(result).toEqual({ status: 'rejected', reason });
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });
});

describe('a failure that cannot become an error', () => {
  it('is one all the same', async () => {
    const { cli, repo } = await repoWithCommit();
    await repo.close();
    const ended = await runModule(
      `
      import { Repo } from 'ostree';
      const repo = await Repo.open(process.argv[1]);
      Object.defineProperty(Object.prototype, 'failure', { set() { throw new Error('a setter'); }, configurable: true });
      console.log(await repo.resolveRev('missing').catch((error) => error.message));
      delete Object.prototype.failure;
      console.log(await repo.resolveRev('missing').catch((error) => error.code));
      await repo.close();
      `,
      [cli.path],
    );
    expect(ended).toMatchObject({ exitCode: 0, stdout: 'a setter\nNOT_FOUND' });
  });
});

describe('close', () => {
  it('waits for what runs', async () => {
    const { cli, repo } = await repoWithCommit();
    const release = await holdLock(cli.path, 'F_WRLCK');
    const events: string[] = [];
    const waiting = repo.lock('shared').then(async (lock) => {
      events.push('locked');
      await lock.release();
    });
    const closing = repo.close().then(() => events.push('closed'));
    await release();
    await Promise.all([waiting, closing]);
    expect(events).toEqual(['locked', 'closed']);
  });

  it('cancels what runs when asked to', async () => {
    const { cli, repo } = await repoWithCommit();
    await holdLock(cli.path, 'F_WRLCK');
    const waiting = repo.lock('shared').catch((error: unknown) => error);
    await repo.close({ cancel: true });
    expect(OstreeError.is(await waiting, 'CANCELLED')).toBe(true);
  });
});

describe('an error', () => {
  it('has a code, the stack of the caller, and is known across copies of the package', async () => {
    const { repo } = await repoWithCommit();
    await using _ = repo;
    async function theCaller() {
      await repo.resolveRev('gone');
    }
    const error = await theCaller().catch((e: unknown) => e);
    expect(OstreeError.is(error, 'NOT_FOUND')).toBe(true);
    expect(OstreeError.is(error, 'EXISTS')).toBe(false);
    expect((error as Error).stack).toContain('theCaller');
    const copy = Object.assign(new Error('x'), { code: 'EXISTS', [Symbol.for('ostree.OstreeError')]: true });
    expect(OstreeError.is(copy, 'EXISTS')).toBe(true);
  });

  it.each([
    ['NO_SPACE', { required: NaN, available: NaN }],
    ['HTTP', { status: NaN, url: '' }],
    ['CORRUPT', { objects: [] }],
    ['SIGNATURE', { reasons: [] }],
    ['LOCKED', { holder: 'this-process' }],
    ['CONFLICT', { ref: 'main', expected: null, actual: null }],
    ['NOT_FOUND', undefined],
  ] as const)('%s has the details that it is said to have, known or not', (code, details) => {
    expect(new OstreeError(code, 'x', { ref: 'main' }).details).toEqual(details);
  });
});
