import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { files, served } from '../support/pull.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

describe('pullLocal', () => {
  it('brings all local refs, or those asked for, from a path or a Repo', async () => {
    const source = await cliRepo();
    const main = await source.commit('main', files(20));
    const next = await source.commit('next', files(3, 'n'));
    await source.ostree('refs', '--create=other:main', 'main'); // of a remote: not its own
    const target = await cliRepo('bare-user');
    await using repo = await Repo.open(target.path);
    expect((await repo.pullLocal(source.path, { refs: ['next'] })).refs).toEqual([
      { ref: 'next', old: null, new: next },
    ]);
    await using from = await Repo.open(source.path);
    const { refs, contentImported } = await repo.pullLocal(from);
    expect(refs).toEqual([
      { ref: 'main', old: null, new: main },
      { ref: 'next', old: next, new: next },
    ]);
    expect(contentImported).toBe(20);
    expect((await repo.pull(`file://${source.path}`, { refs: ['main'] })).refs).toMatchObject([
      { new: main },
    ]);
    expect(await target.ostree('fsck')).toContain('no errors found');
  });

  it('takes paths with characters that a URL escapes', async () => {
    const dir = join(await temporaryDirectory(), 'a b#c%20?é');
    await using source = await Repo.create(dir, { mode: 'archive' });
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    await source.pullLocal(cli.path);
    const target = await cliRepo();
    await using repo = await Repo.open(target.path);
    expect((await repo.pullLocal(source)).refs).toMatchObject([{ ref: 'main' }]);
  });

  async function damaged(path: string): Promise<string> {
    const objects = (await readdir(join(path, 'objects'), { recursive: true })).filter((n) =>
      /\.filez?$/.test(n),
    );
    const object = join(path, 'objects', objects[0] ?? '');
    await appendFile(object, 'x');
    return (objects[0] ?? '').replace('/', '').replace(/\.filez?$/, '');
  }

  // From a thousand on they are taken ahead of libostree's own pull.
  describe('of many objects', () => {
    const MANY = 1200;

    it.each(['archive', 'bare-user'])('from %s takes all, once, and tells how far it is', async (mode) => {
      const source = await cliRepo(mode);
      const main = await source.commit('main', files(MANY), '--disable-fsync');
      const target = await cliRepo('bare-user');
      await using repo = await Repo.open(target.path, { fsync: false });
      const told: number[] = [];
      const onProgress = (state: { contentImported: number }) => told.push(state.contentImported);
      const { refs, contentImported } = await repo.pullLocal(source.path, { onProgress });
      expect(refs).toEqual([{ ref: 'main', old: null, new: main }]);
      expect(contentImported).toBe(MANY);
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      expect(await target.ostree('fsck')).toContain('no errors found');
      await source.commit('main', { new: '1' }, '--tree=ref=main');
      expect(await repo.pullLocal(source.path)).toMatchObject({ contentImported: 1 });
    });

    it('refuses all when one is damaged, and names it', async () => {
      const source = await cliRepo('bare-user');
      await source.commit('main', files(MANY), '--disable-fsync');
      const checksum = await damaged(source.path);
      const target = await cliRepo('bare-user');
      await using repo = await Repo.open(target.path, { fsync: false });
      await expect(repo.pullLocal(source.path)).rejects.toMatchObject({ code: 'CORRUPT', checksum });
      expect(await target.ostree('refs')).toBe('');
    });

    it('is cancelled, and works the next time', async () => {
      const source = await cliRepo('bare-user');
      await source.commit('main', files(MANY), '--disable-fsync');
      const target = await cliRepo('bare-user');
      await using repo = await Repo.open(target.path, { fsync: false });
      const controller = new AbortController();
      const pull = repo.pullLocal(source.path, {
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('enough')),
      });
      await expect(pull).rejects.toThrow('enough');
      expect(await target.ostree('refs')).toBe('');
      expect((await repo.pullLocal(source.path)).refs).toHaveLength(1);
      expect(await target.ostree('fsck')).toContain('no errors found');
    });
  });

  it.each(['bare-user', 'bare', 'archive'])(
    'verifies checksums into %s unless told to trust',
    async (mode) => {
      const source = await cliRepo(mode === 'archive' ? 'bare-user' : mode);
      await source.commit('main', files(5));
      const checksum = await damaged(source.path);
      const target = await cliRepo(mode);
      await using repo = await Repo.open(target.path);
      await expect(repo.pullLocal(source.path)).rejects.toMatchObject({
        code: 'CORRUPT',
        checksum,
        details: { objects: [{ type: 'file', checksum }] },
      });
      const corrupt = { code: 'CORRUPT', checksum };
      await expect(repo.pull(`file://${source.path}`, { refs: ['main'] })).rejects.toMatchObject(corrupt);
      await repo.remotes.add('local', `file://${source.path}`, { gpgVerify: false });
      await expect(repo.pull('local', { refs: ['main'] })).rejects.toMatchObject({
        ...corrupt,
        remote: 'local',
      });
      await expect(repo.resolveRev('main')).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await target.ostree('fsck')).toContain('no errors found');
      await repo.pullLocal(source.path, { trusted: true });
      await expect(target.ostree('fsck')).rejects.toThrow(/corrupted/i);
    },
  );

  it('rejects with PARTIAL when the source lacks objects', async () => {
    const { ...rest } = await served();
    await using partial = rest.repo;
    await partial.pull('origin', { refs: ['main'], commitOnly: true });
    const target = await cliRepo('bare-user');
    await using repo = await Repo.open(target.path);
    await expect(repo.pullLocal(partial, { refs: [rest.second] })).rejects.toMatchObject({
      code: 'PARTIAL',
      checksum: rest.second,
    });
  });

  it('rejects with NOT_FOUND when there is no repository, or no such ref', async () => {
    const target = await cliRepo();
    await using repo = await Repo.open(target.path);
    await expect(repo.pullLocal('/no/such/repo')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const source = await cliRepo();
    await expect(repo.pullLocal(source.path, { refs: ['nope'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'nope',
    });
    expect((await repo.pullLocal(source.path)).refs).toEqual([]);
  });
});
