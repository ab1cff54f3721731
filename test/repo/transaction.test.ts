import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { Repo, Transaction } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

async function tree(files: Record<string, string> = { a: '1', 'dir/b': '2' }): Promise<string> {
  const dir = await temporaryDirectory();
  await writeTree(dir, files);
  return dir;
}

describe('transaction', () => {
  it('makes several commits and refs visible together', async () => {
    const cli = await cliRepo();
    const old = await cli.commit('old', { a: '0' });
    await using repo = await Repo.open(cli.path);
    const made = await repo.transaction(async (txn) => {
      const one = await txn.commit({ tree: await tree({ a: '1' }), subject: 'one' });
      const two = await txn.commit({ tree: await tree({ a: '2' }), parent: one.checksum });
      await txn.setRef('new/one', one.checksum);
      await txn.setRef('new/two', two.checksum, { expected: null });
      await txn.deleteRef('old', { expected: old });
      expect(await repo.hasRef('new/one')).toBe(false);
      expect(await repo.hasRef('old')).toBe(true);
      return { one, two, stats: txn.stats };
    });
    expect((await cli.ostree('refs')).split('\n').sort()).toEqual(['new/one', 'new/two']);
    expect(await cli.ostree('rev-parse', 'new/two^')).toBe(made.one.checksum);
    expect(made.stats).toEqual({
      contentObjects: 2,
      contentWritten: 2,
      bytesWritten: 2,
      metadataWritten: made.one.stats.metadataWritten + made.two.stats.metadataWritten,
      cacheHits: 0,
    });
    await cli.ostree('fsck');
  });

  it('aborts when the function throws, and rejects with what it threw', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const error = new Error('no');
    let commit = '';
    await expect(
      repo.transaction(async (txn) => {
        commit = (await txn.commit({ tree: await tree() })).checksum;
        await txn.setRef('main', commit);
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await repo.hasRef('main')).toBe(false);
    await expect(repo.resolveRev(commit.slice(0, 20))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await objects(cli.path)).toEqual([]);
  });

  it('sees its own objects, which others do not', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const { checksum } = await txn.commit({ tree: await tree() });
    const child = await txn.commit({ tree: await tree({}), parent: checksum });
    expect(await txn.resolveRev(`${child.checksum}^`)).toBe(checksum);
    await expect(repo.resolveRev(`${child.checksum}^`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const overlay = await txn.commit({ tree: [{ ref: checksum }, await tree({ c: '3' })] });
    await txn.setRef('main', overlay.checksum);
    expect(await txn.commitTransaction()).toMatchObject({ contentWritten: 3 });
    expect(await cli.ostree('ls', '-R', '--nul-filenames-only', 'main')).toBe('/\0/a\0/c\0/dir\0/dir/b\0');
  });

  it('is closed once it has ended, however it ended', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const committed = await repo.begin();
    await committed.commitTransaction();
    const aborted = await repo.begin();
    await aborted.abort();
    await aborted.abort();
    let kept: Transaction | undefined;
    await repo.transaction((txn) => {
      kept = txn;
    });
    for (const txn of [committed, aborted, kept]) {
      expect(txn).toBeInstanceOf(Transaction);
      await expect(txn?.commit({ tree: '/' })).rejects.toMatchObject({ code: 'CLOSED' });
      await expect(txn?.setRef('main', null)).rejects.toMatchObject({ code: 'CLOSED' });
      await expect(txn?.resolveRev('main')).rejects.toMatchObject({ code: 'CLOSED' });
      await expect(txn?.commitTransaction()).rejects.toMatchObject({ code: 'CLOSED' });
      await txn?.abort();
    }
  });

  it('aborts what `await using` finds unfinished, and what the repository closes over', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    const write = async (): Promise<void> => {
      await using txn = await repo.begin();
      await txn.setRef('main', (await txn.commit({ tree: dir })).checksum);
    };
    await write();
    const other = await Repo.open(cli.path);
    const txn = await other.begin();
    await txn.setRef('main', (await txn.commit({ tree: dir })).checksum);
    await other.close();
    await expect(txn.commitTransaction()).rejects.toMatchObject({ code: 'CLOSED' });
    await txn.abort();
    expect(await repo.hasRef('main')).toBe(false);
  });

  it('says CONFLICT when a ref moved meanwhile, and then moves none', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '0' });
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const { checksum } = await txn.commit({ tree: await tree() });
    await txn.setRef('aside', checksum);
    await txn.setRef('main', checksum, { expected: first });
    const second = await cli.commit('main', { a: '1' });
    await expect(txn.commitTransaction()).rejects.toMatchObject({
      code: 'CONFLICT',
      ref: 'main',
      details: { ref: 'main', expected: first, actual: second },
    });
    expect(await repo.hasRef('aside')).toBe(false);
    expect(await repo.resolveRev('main')).toBe(second);
  });

  it('checks what is expected of a ref at once', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '0' });
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    await expect(txn.setRef('main', null, { expected: null })).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { expected: null, actual: first },
    });
    await expect(txn.deleteRef('missing')).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'missing' });
  });

  it('sets refs of remotes and of collections', async () => {
    const cli = await cliRepo();
    await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', 'file:///nowhere');
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      const { checksum } = await txn.commit({ tree: await tree() });
      await txn.setRef('main', checksum, { remote: 'origin' });
      await txn.setCollectionRef('org.example.Os', 'main', checksum, { expected: null });
    });
    expect(await cli.ostree('refs')).toBe('origin:main');
    expect(await readdir(join(cli.path, 'refs/mirrors/org.example.Os'))).toEqual(['main']);
  });

  it('runs beside others on the same repository', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const trees = await Promise.all([1, 2, 3, 4].map((i) => tree({ shared: 'x', own: String(i) })));
    await Promise.all(
      trees.map((dir, i) =>
        repo.transaction(async (txn) => {
          await txn.setRef(`branch-${i}`, (await txn.commit({ tree: dir })).checksum);
        }),
      ),
    );
    expect((await cli.ostree('refs')).split('\n')).toHaveLength(4);
    await cli.ostree('fsck');
  });

  it('rejects LOCKED at once where it would wait for itself', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      await expect(repo.lock('exclusive')).rejects.toMatchObject({ code: 'LOCKED' });
      await expect(txn.repo.lock('exclusive')).rejects.toMatchObject({ code: 'LOCKED' });
      await expect(txn.repo.commit({ tree: await tree() })).rejects.toMatchObject({ code: 'LOCKED' });
      await expect(txn.repo.begin()).rejects.toMatchObject({ code: 'LOCKED' });
      await txn.setRef('main', (await txn.commit({ tree: await tree() })).checksum);
    });
    expect(await repo.hasRef('main')).toBe(true);
  });

  it('waits for an exclusive lock, and keeps one waiting', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const lock = await repo.lock('exclusive');
    const waiting = repo.begin();
    await lock.release();
    const txn = await waiting;
    await expect(repo.lock('exclusive', { timeout: 20 })).rejects.toMatchObject({
      code: 'LOCKED',
      details: { holder: 'this-process', heldBy: 'a transaction' },
    });
    const exclusive = repo.lock('exclusive');
    await txn.abort();
    await (await exclusive).release();
  });

  it('is cancelled by its signal, before and between its calls', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const reason = new Error('stop');
    await expect(repo.begin({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    await expect(
      repo.transaction(
        async (txn) => {
          await txn.setRef('main', (await txn.commit({ tree: await tree() })).checksum);
          controller.abort(reason);
        },
        { signal: controller.signal },
      ),
    ).rejects.toBe(reason);
    expect(await repo.hasRef('main')).toBe(false);
  });

  it('is cancelled at its end, with what that waits for', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const txn = await repo.begin();
    const { checksum } = await txn.commit({ tree: await tree() });
    await txn.setRef('main', checksum);
    const stalled = new Readable({ read: () => {} });
    const writing = txn.writeFile(stalled).catch((error: unknown) => error);
    const controller = new AbortController();
    const reason = new Error('stop');
    const ending = txn.commitTransaction({ signal: controller.signal });
    controller.abort(reason);
    await expect(ending).rejects.toBe(reason);
    expect(await writing).toMatchObject({ code: 'CANCELLED' });
    expect(stalled.destroyed).toBe(true);
    expect(await repo.hasRef('main')).toBe(false);
    expect(await objects(cli.path)).toEqual([]);
  });

  it('refuses bad arguments', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const type = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
    const value = { name: 'RangeError', code: 'ERR_INVALID_ARG_VALUE' };
    await expect(repo.begin({ fsync: 1 as never })).rejects.toMatchObject(type);
    await expect(repo.transaction('x' as never)).rejects.toMatchObject(type);
    await using txn = await repo.begin();
    await expect(txn.setRef('a b', null)).rejects.toMatchObject(value);
    await expect(txn.setRef('main', 'zz')).rejects.toMatchObject(value);
    await expect(txn.setRef('main', null, { expected: 1 as never })).rejects.toMatchObject(type);
    await expect(txn.deleteRef('')).rejects.toMatchObject(value);
    await expect(txn.setCollectionRef('nodots', 'main', null)).rejects.toMatchObject(value);
    await expect(txn.setCollectionRef('org.example.Os', 'main', null, 5 as never)).rejects.toMatchObject(
      type,
    );
    await expect(txn.commitTransaction({ signal: 5 as never })).rejects.toMatchObject(type);
    await expect(txn.commit(null as never)).rejects.toMatchObject(type);
    await expect(txn.commit({ tree: '/', branch: 'main' } as never)).rejects.toMatchObject(value);
    await expect(txn.commit({ tree: '/', fsync: 1 as never })).rejects.toMatchObject(type);
  });
});

/** The objects that are in the repository, staged ones not among them. */
async function objects(repo: string): Promise<string[]> {
  const names = await readdir(join(repo, 'objects'), { recursive: true, withFileTypes: true });
  return names.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}
