import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { cliRepo } from '../support/repo.js';

describe('lock', () => {
  it('lets shared locks of one process be held together, and an exclusive one wait for them', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using same = await Repo.open(cli.path);
    const one = await repo.lock('shared');
    const two = await same.lock('shared');
    const order: string[] = [];
    const exclusive = repo.lock('exclusive').then((lock) => {
      order.push('exclusive');
      return lock;
    });
    const three = await repo.lock('shared'); // does not queue behind the waiting exclusive one
    order.push('shared');
    await Promise.all([one.release(), two.release(), three.release()]);
    await using _ = await exclusive;
    expect(order).toEqual(['shared', 'exclusive']);
  });

  it('rejects with LOCKED after its timeout, naming this process', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using _ = await repo.lock('exclusive');
    await expect(repo.lock('shared', { timeout: 50 })).rejects.toMatchObject({
      code: 'LOCKED',
      details: { holder: 'this-process', heldBy: 'an exclusive lock' },
    });
  });

  it('waits for another process, and rejects with LOCKED naming it', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' }); // makes the lock file
    await using repo = await Repo.open(cli.path);
    const release = await holdLock(cli.path, 'F_RDLCK');
    await expect(repo.lock('exclusive', { timeout: 50 })).rejects.toMatchObject({
      code: 'LOCKED',
      details: { holder: 'other-process' },
    });
    await using shared = await repo.lock('shared', { timeout: 50 });
    await shared.release();
    const waiting = repo.lock('exclusive');
    await release();
    await (await waiting).release();
  });

  it('keeps other processes out while it is held', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    await cli.ostree('config', 'set', 'core.lock-timeout-secs', '1');
    await using repo = await Repo.open(cli.path);
    const lock = await repo.lock('exclusive');
    await expect(cli.commit('main', { a: '2' })).rejects.toThrow(/Locking repo shared failed/);
    await lock.release();
    await cli.commit('main', { a: '2' });
  });

  it('gives work through its repo the lock it holds', async () => {
    const cli = await cliRepo();
    const checksum = await cli.commit('main', { a: '1' });
    await using repo = await Repo.open(cli.path);
    await using lock = await repo.lock('exclusive');
    expect(await lock.repo.resolveRev('main')).toBe(checksum);
    await lock.repo.setRef('other', checksum);
    await lock.repo.config.set('core.x', 'y');
    await lock.release();
    await expect(lock.repo.resolveRev('main')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await repo.resolveRev('other')).toBe(checksum);
  });

  it.each([2 ** 31, Number.MAX_SAFE_INTEGER])('waits for others with a timeout of %d', async (timeout) => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    await using repo = await Repo.open(cli.path);
    const held = await repo.lock('exclusive');
    const here = repo.lock('shared', { timeout });
    await expect(repo.lock('shared', { timeout: 50 })).rejects.toMatchObject({ code: 'LOCKED' });
    await held.release();
    await (await here).release();
    const release = await holdLock(cli.path, 'F_WRLCK');
    const there = repo.lock('shared', { timeout });
    await expect(repo.lock('shared', { timeout: 50 })).rejects.toMatchObject({ code: 'LOCKED' });
    await release();
    await (await there).release();
  });

  it('stops waiting, here and for another process, when its signal is aborted', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    await using repo = await Repo.open(cli.path);
    const held = await repo.lock('exclusive');
    const reason = new Error('enough');
    const here = new AbortController();
    const waiting = repo.lock('shared', { signal: here.signal });
    here.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await held.release();

    const release = await holdLock(cli.path, 'F_WRLCK');
    const there = new AbortController();
    const also = repo.lock('shared', { signal: there.signal });
    // Whoever comes later has given up by now: it does wait.
    await expect(repo.lock('shared', { timeout: 20 })).rejects.toMatchObject({ code: 'LOCKED' });
    there.abort(reason);
    await expect(also).rejects.toBe(reason);
    await release();
  });

  it('refuses bad arguments', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.lock('both' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(repo.lock('shared', { timeout: -1 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    for (const options of [null, 5, 'x'])
      await expect(repo.lock('shared', options as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
      });
    await expect(repo.lock('shared', { timeout: null as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(repo.lock('shared', { signal: 5 as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});
