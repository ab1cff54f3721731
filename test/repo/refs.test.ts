import { join } from 'node:path';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';

async function withCommits() {
  const cli = await cliRepo();
  const first = await cli.commit('main', { a: '1' });
  const second = await cli.commit('main', { a: '2' });
  return { cli, first, second, repo: await Repo.open(cli.path) };
}

describe('hasRef', () => {
  it('is about refs, not about commits', async () => {
    const { repo, second } = await withCommits();
    await using _ = repo;
    await repo.setRef('origin/x', second);
    await repo.setRef('stable', second, { remote: 'origin' });
    const has = (refspec: string) => repo.hasRef(refspec);
    for (const ref of ['main', 'origin:stable', 'origin/x'])
      expect([ref, await has(ref)]).toEqual([ref, true]);
    const abbreviated = second.slice(0, 10);
    expect(await repo.resolveRev(abbreviated)).toBe(second);
    for (const ref of [second, '0'.repeat(64), abbreviated, 'origin', 'main/x', 'origin:main', 'none'])
      expect([ref, await has(ref)]).toEqual([ref, false]);
    await repo.setRef(abbreviated, second);
    expect(await has(abbreviated)).toBe(true);
  });

  it('refuses what no ref can be called', async () => {
    const { repo, second } = await withCommits();
    await using _ = repo;
    for (const refspec of ['main^', `${second}^`, '', 'a b', '../x', 'a:b:c', ':main', 'a/b:main'])
      await expect(repo.hasRef(refspec)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(repo.hasRef(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(repo.hasRef('main', null as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('resolveRev', () => {
  it('takes a checksum for what it is, as the command does', async () => {
    const { cli, repo } = await withCommits();
    await using _ = repo;
    const none = '0'.repeat(64);
    expect(await repo.resolveRev(none)).toBe(none);
    expect(await cli.ostree('rev-parse', none)).toBe(none);
  });
});

describe('listRefs', () => {
  it('tells of local refs, remotes and aliases what the command tells', async () => {
    const { cli, repo, second } = await withCommits();
    await using _ = repo;
    await cli.ostree('refs', '--create=origin:stable', 'main');
    await cli.ostree('refs', '--alias', '--create=latest', 'main');
    expect(await repo.listRefs({ aliases: true })).toEqual([
      { ref: 'latest', checksum: second, alias: 'main' },
      { ref: 'main', checksum: second },
      { ref: 'stable', remote: 'origin', checksum: second },
    ]);
    expect(await repo.listRefs({ remotes: false })).not.toContainEqual(
      expect.objectContaining({ remote: 'origin' }),
    );
    const names = (await repo.listRefs()).map(({ ref, remote }) => (remote ? `${remote}:${ref}` : ref));
    expect(names.sort()).toEqual((await cli.ostree('refs')).split('\n').sort());
  });

  it('keeps to a prefix, with whole names', async () => {
    const { cli, repo, second } = await withCommits();
    await using _ = repo;
    await cli.ostree('refs', '--create=os/x86_64/stable', 'main');
    expect(await repo.listRefs({ prefix: 'os' })).toEqual([{ ref: 'os/x86_64/stable', checksum: second }]);
  });

  it('lists by collection', async () => {
    const { repo, second } = await withCommits();
    await using _ = repo;
    await repo.setRef('app', second, { collectionId: 'org.example.Apps' });
    expect(await repo.listRefs({ collections: true })).toContainEqual({
      ref: 'app',
      collectionId: 'org.example.Apps',
      checksum: second,
    });
  });

  it('lists by collection what is at or below a prefix, and what aliases stand for', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.create(join(path, 'collection'), {
      mode: 'archive',
      collectionId: 'org.example.Os',
    });
    const { checksum } = await repo.commit({ tree: { files: [] }, branch: 'os/stable' });
    await repo.setAlias('os/next', 'os/stable');
    await repo.setRef('osx', checksum);
    await repo.setRef('os/stable', checksum, { collectionId: 'org.example.Mirror' });
    const own = { collectionId: 'org.example.Os', checksum };
    const mirrored = { ref: 'os/stable', collectionId: 'org.example.Mirror', checksum };
    expect(await repo.listRefs({ collections: true, prefix: 'os', aliases: true })).toEqual([
      mirrored,
      { ref: 'os/next', ...own, alias: 'os/stable' },
      { ref: 'os/stable', ...own },
    ]);
    expect(await repo.listRefs({ collections: true, prefix: 'os', mirrors: false })).toHaveLength(2);
  });

  it('refuses bad arguments', async () => {
    const { repo } = await withCommits();
    await using _ = repo;
    await expect(repo.listRefs({ aliases: 'yes' as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(repo.listRefs({ collections: true, prefix: '' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});

describe('setRef, deleteRef', () => {
  it('moves, creates and deletes refs for the command to see', async () => {
    const { cli, repo, first, second } = await withCommits();
    await using _ = repo;
    await repo.setRef('main', first, { expected: second });
    await repo.setRef('os/new', second, { expected: null });
    await repo.setRef('there', second, { remote: 'origin' });
    expect(await cli.ostree('rev-parse', 'main')).toBe(first);
    expect(await cli.ostree('rev-parse', 'os/new')).toBe(second);
    expect(await cli.ostree('rev-parse', 'origin:there')).toBe(second);
    await repo.deleteRef('os/new');
    expect(await repo.hasRef('os/new')).toBe(false);
    expect(await repo.hasRef('origin:there')).toBe(true);
  });

  it('rejects with CONFLICT, what was expected and what is there', async () => {
    const { repo, first, second } = await withCommits();
    await using _ = repo;
    await expect(repo.setRef('main', first, { expected: first })).rejects.toMatchObject({
      code: 'CONFLICT',
      ref: 'main',
      details: { ref: 'main', expected: first, actual: second },
    });
    await expect(repo.setRef('main', first, { expected: null })).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { expected: null },
    });
    expect(await repo.resolveRev('main')).toBe(second);
  });

  it('lets one of many that expect the same succeed', async () => {
    const { repo, first, second } = await withCommits();
    await using _ = repo;
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => repo.setRef('main', first, { expected: second })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('rejects with NOT_FOUND for a ref that is not there', async () => {
    const { repo } = await withCommits();
    await using _ = repo;
    await expect(repo.deleteRef('gone')).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'gone' });
  });

  it.each(['', '../x', '.x', '-x', 'a//b', 'a b', 'a^', 'x'.repeat(5000), 'a\0b'])(
    'refuses the ref name %j',
    async (name) => {
      const { repo, first } = await withCommits();
      await using _ = repo;
      await expect(repo.setRef(name, first)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    },
  );

  it.each(['zz', '../../../x', 'A'.repeat(64), ''])('refuses the checksum %j', async (checksum) => {
    const { repo } = await withCommits();
    await using _ = repo;
    await expect(repo.setRef('main', checksum)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('setAlias, resetRef', () => {
  it('makes an alias that follows its target', async () => {
    const { cli, repo, first } = await withCommits();
    await using _ = repo;
    await repo.setAlias('latest', 'main');
    await repo.setRef('main', first);
    expect(await repo.resolveRev('latest')).toBe(first);
    expect(await cli.ostree('rev-parse', 'latest')).toBe(first);
    await expect(repo.setAlias('x', '/x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(repo.setAlias('x', '')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('resets a ref to a commit that exists, and to no other', async () => {
    const { repo, first } = await withCommits();
    await using _ = repo;
    await repo.resetRef('main', 'main^');
    expect(await repo.resolveRev('main')).toBe(first);
    await expect(repo.resetRef('main', 'a'.repeat(64))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await repo.resetRef('new', first);
    expect(await repo.resolveRev('new')).toBe(first);
  });
});
