// What close() ends, and waits for: transactions and locks, but not streams that nobody reads.
import { getEventListeners } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';

import { OstreeError, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';

async function opened(mode?: string) {
  const cli = await cliRepo(mode);
  const commit = await cli.commit('main', { file: 'x' });
  return { cli, commit, repo: await Repo.open(cli.path) };
}

describe('close, of transactions', () => {
  it('waits for what they write', async () => {
    const { repo } = await opened('bare-user');
    const txn = await repo.begin();
    const events: string[] = [];
    const writing = txn.writeFile(Buffer.alloc(20_000_000)).then(() => events.push('written'));
    await repo.close();
    events.push('closed');
    await writing;
    expect(events).toEqual(['written', 'closed']);
    await expect(txn.commitTransaction()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('ends one that is only just beginning', async () => {
    const { cli, repo } = await opened();
    const beginning = repo.begin();
    await repo.close();
    await expect((await beginning).writeFile('x')).rejects.toMatchObject({ code: 'CLOSED' });
    await using other = await Repo.open(cli.path);
    await using _ = await other.lock('exclusive', { timeout: 100 });
  });

  it('cancels what they wait for when asked to', async () => {
    const { commit, repo } = await opened();
    const txn = await repo.begin();
    let asked = () => {};
    const signs = new Promise<void>((resolve) => (asked = resolve));
    const sign = () => {
      asked();
      return new Promise<never>(() => {});
    };
    const signing = txn.sign(commit, { type: 'ed25519', sign }).catch((error: unknown) => error);
    await signs;
    await repo.close({ cancel: true });
    expect(OstreeError.is(await signing, 'CANCELLED')).toBe(true);
  });
});

describe('close, of locks', () => {
  it('gives them up, after what runs under them', async () => {
    const { cli, repo } = await opened();
    await cli.ostree('config', 'set', 'core.lock-timeout-secs', '1');
    const lock = await repo.lock('exclusive');
    await repo.close();
    await cli.commit('main', { file: 'y' });
    await expect(lock.repo.resolveRev('main')).rejects.toMatchObject({ code: 'CLOSED' });
    await lock.release();
  });
});

describe('close, of streams', () => {
  it('lets those alone that nobody has read from, and they hold on to nothing', async () => {
    const { repo } = await opened();
    const { signal } = new AbortController();
    const streams = [
      repo.createReadStream('main', '/file', { signal }),
      repo.exportTar('main', { signal }),
      repo.createReadStream('main', '/file'),
      repo.exportTar('main'),
    ];
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await repo.close();
    await turn(); // an 'error' event that nobody listens for would end the test run
    for (const stream of streams) {
      expect(stream.errored).toBeNull();
      await expect(buffer(stream)).rejects.toMatchObject({ code: 'CLOSED' });
    }
  });

  it.each([null, undefined, 0, ''])('an abort with the reason %j is an error', async (reason) => {
    const { repo } = await opened();
    await using _ = repo;
    for (const open of [
      (signal: AbortSignal) => repo.createReadStream('main', '/file', { signal }),
      (signal: AbortSignal) => repo.exportTar('main', { signal }),
    ]) {
      await expect(buffer(open(AbortSignal.abort(reason)))).rejects.toMatchObject({ name: 'AbortError' });
      const controller = new AbortController();
      const stream = open(controller.signal);
      await new Promise((resolve) => stream.once('readable', resolve));
      controller.abort(reason);
      await expect(buffer(stream)).rejects.toMatchObject({ name: 'AbortError' });
    }
  });
});

it('refuses an option that it does not know', async () => {
  await using repo = await Repo.open((await cliRepo()).path);
  await expect(repo.close({ cancle: true } as never)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
});
