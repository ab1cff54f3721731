// Options of commits that go beyond what is written: sizes, what is left out, removed, or known from checkouts.
import { AsyncLocalStorage } from 'node:async_hooks';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { execa } from 'execa';
import { type CommitOptions, DevInoCache, Repo, type RepoMode, type SkipStat } from 'ostree';
import { describe, expect, it } from 'vitest';

import { checksumsAt, objectFile } from '../support/objects.js';
import { type CliRepo, cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';
import { isRoot } from '../support/trees.js';

const TIME = new Date('2024-02-03T04:05:06Z');
const AT_TIME = '--timestamp=2024-02-03 04:05:06 +0000';

const FILES = {
  'a/one': '1',
  'a/deep/two': 'two'.repeat(1000),
  'b/one': '1',
  'b/big': Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) >> 8)),
  empty: '',
};

async function newTree(): Promise<string> {
  const dir = join(await temporaryDirectory(), 'tree');
  await writeTree(dir, FILES);
  await symlink('a/one', join(dir, 'link'));
  await chmod(join(dir, 'a'), 0o700);
  return dir;
}

const isThere = async (path: string) =>
  await lstat(path).then(
    () => true,
    () => false,
  );

describe('generateSizes', () => {
  it.each(['archive', 'bare-user'])('is the commit that the command makes (%s)', async (mode) => {
    const tree = await newTree();
    const theirs = await cliRepo(mode);
    const ours = await cliRepo(mode);
    await using repo = await Repo.open(ours.path);
    const steps: [string[], Partial<CommitOptions>][] = [
      [[], {}],
      [['--no-xattrs', '--owner-uid=7', '--owner-gid=7'], { xattrs: false, owner: { uid: 7, gid: 7 } }],
      // All objects are there already.
      [['--subject=again'], { subject: 'again' }],
      [['--no-bindings', '--parent=none'], { bindings: false, branch: undefined }],
    ];
    for (const [args, options] of steps) {
      const flags = ['--branch=main', AT_TIME, '--generate-sizes', ...args];
      const expected = await theirs.ostree('commit', ...flags, `--tree=dir=${tree}`);
      const { checksum } = await repo.commit({
        tree,
        branch: 'main',
        timestamp: TIME,
        generateSizes: true,
        ...options,
      });
      expect(checksum, args.join(' ')).toBe(expected);
    }
    const { sizes } = await repo.readCommit('main');
    expect(sizes === undefined).toBe(mode !== 'archive');
  });

  it('lists every object of the tree, wherever it comes from', async () => {
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    await repo.commit({ tree: await newTree(), branch: 'base' });
    const { checksum } = await repo.commit({
      base: 'base',
      tree: { files: [{ path: 'more', content: 'more' }] },
      generateSizes: true,
    });
    const { sizes = [] } = await repo.readCommit(checksum);
    const reachable: string[] = [];
    for await (const { type, checksum: object } of repo.reachable(checksum))
      if (type !== 'commit') reachable.push(object);
    expect(sizes.map((size) => size.checksum).sort()).toEqual(reachable.sort());
    for (const { checksum: object, type, archived } of sizes)
      expect(archived).toBe(await repo.objectSize({ type, checksum: object }));
  });

  it('refuses metadata of the same name', async () => {
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const commit = repo.commit({
      tree: await newTree(),
      metadata: { 'ostree.sizes': 'x' },
      generateSizes: true,
    });
    await expect(commit).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('consume', () => {
  it('removes what the command would remove, and makes the same commit', async () => {
    const [mine, theirs] = [await newTree(), await newTree()];
    const cli = await cliRepo('bare-user');
    const ours = await cliRepo('bare-user');
    await using repo = await Repo.open(ours.path);
    const skips = join(await temporaryDirectory(), 'skips');
    await writeFile(skips, '/a\n');
    const flags = ['--branch=main', AT_TIME, '--consume', `--skip-list=${skips}`];
    const expected = await cli.ostree('commit', ...flags, `--tree=dir=${theirs}`);
    const result = await repo.commit({
      tree: mine,
      branch: 'main',
      timestamp: TIME,
      consume: true,
      skip: ['/a'],
    });
    expect(result.checksum).toBe(expected);
    expect([await isThere(mine), await isThere(theirs)]).toEqual([false, false]);
    expect(result.stats).not.toHaveProperty('leftBehind');
    expect(await repo.readFile('main', '/b/one', 'utf8')).toBe('1');
  });

  it('leaves what came or changed after it was read, and says so', async () => {
    const tree = await newTree();
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const { stats } = await repo.commit({
      tree,
      branch: 'main',
      consume: true,
      // All was read by then, and nothing is deleted yet.
      sign: {
        type: 'ed25519',
        sign: async () => {
          await writeFile(join(tree, 'new'), 'new');
          await writeFile(join(tree, 'b/one'), 'changed');
          return new Uint8Array(64);
        },
      },
    });
    expect(stats.leftBehind).toEqual([join(tree, 'b/one'), join(tree, 'new')].sort());
    expect(await readdir(tree, { recursive: true })).toEqual(expect.arrayContaining(['b', 'b/one', 'new']));
    expect(await readdir(tree)).toHaveLength(2);
    expect(await repo.readFile('main', '/a/one', 'utf8')).toBe('1');
  });

  it('removes nothing when the commit fails or is aborted', async () => {
    const tree = await newTree();
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const before = await readdir(tree, { recursive: true });
    await repo.commit({ tree, branch: 'main' });
    const conflict = repo.commit({ tree, branch: 'main', parent: null, consume: true });
    await expect(conflict).rejects.toMatchObject({ code: 'CONFLICT' });
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = repo.commit({
      tree,
      branch: 'main',
      consume: true,
      signal: controller.signal,
      skip: () => {
        controller.abort(reason);
        return false;
      },
    });
    await expect(aborted).rejects.toBe(reason);
    expect(await readdir(tree, { recursive: true })).toEqual(before);
  });

  it('removes at the end of a transaction, and not when that is aborted', async () => {
    const [first, second] = [await newTree(), await newTree()];
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const aborted = await repo.begin();
    await aborted.commit({ tree: first, consume: true });
    await aborted.abort();
    expect(await isThere(first)).toBe(true);
    await using txn = await repo.begin();
    await txn.commit({ tree: [first, second], consume: true });
    expect(await isThere(first)).toBe(true);
    await txn.commitTransaction();
    expect([await isThere(first), await isThere(second)]).toEqual([false, false]);
  });

  it('removes a tree that is unchanged, too', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    await repo.commit({ tree: await newTree(), branch: 'main' });
    const tree = await newTree();
    const result = await repo.commit({ tree, branch: 'main', consume: true, skipIfUnchanged: true });
    expect(result.changed).toBe(false);
    expect(await isThere(tree)).toBe(false);
  });

  it('keeps what a commit that is unchanged lacked', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    await repo.commit({ tree: await newTree(), branch: 'main' });
    const [file = ''] = await checksumsAt(cli.path, 'main', '/a/one');
    await rm(objectFile(cli.path, file, 'file'));
    const tree = await newTree();
    const result = await repo.commit({ tree, branch: 'main', consume: true, skipIfUnchanged: true });
    expect([result.changed, await isThere(tree)]).toEqual([false, false]);
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok' });
    expect(await readdir(join(cli.path, 'tmp'))).toEqual(['cache']);
  });

  it('follows no link out of the tree, and keeps what is of other sources', async () => {
    const tree = await newTree();
    const outside = join(await temporaryDirectory(), 'outside');
    await writeTree(outside, { kept: 'kept' });
    await symlink(outside, join(tree, 'out'));
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    await repo.commit({ tree: await newTree(), branch: 'base' });
    await repo.commit({ tree: [{ ref: 'base' }, tree], consume: true });
    expect(await isThere(tree)).toBe(false);
    expect(await readFile(join(outside, 'kept'), 'utf8')).toBe('kept');
    expect(await repo.hasRef('base')).toBe(true);
  });
});

const linking: readonly RepoMode[] = isRoot
  ? ['bare-user', 'bare-user-only', 'bare']
  : ['bare-user', 'bare-user-only'];

/** A commit, checked out with hard links, and the repository of the command with the same. */
async function linked(
  mode: RepoMode,
): Promise<{ cli: CliRepo; out: string; cache: DevInoCache; repo: Repo }> {
  const cli = await cliRepo(mode);
  await cli.ostree(
    'commit',
    '--branch=main',
    '--owner-uid=5',
    '--owner-gid=6',
    AT_TIME,
    `--tree=dir=${await newTree()}`,
  );
  const repo = await Repo.open(cli.path);
  const out = join(await temporaryDirectory(), 'out');
  const cache = new DevInoCache();
  await repo.checkout('main', out, { userMode: mode !== 'bare', requireHardlinks: true, devinoCache: cache });
  return { cli, out, cache, repo };
}

describe('devinoCache', () => {
  it.each(linking)('gives the commit that the command gives with its speed-up (%s)', async (mode) => {
    const { cli, out, cache, repo: opened } = await linked(mode);
    await using repo = opened;
    expect(cache.size).toBeGreaterThan(0);
    await writeFile(join(out, 'new'), 'new');
    await rm(join(out, 'a/one'));
    await writeFile(join(out, 'a/one'), 'replaced');
    await rename(join(out, 'b/one'), join(out, 'b/moved'));
    const variants: [string[], Partial<CommitOptions>][] = [
      [[], {}],
      [['--no-xattrs'], { xattrs: false }],
      [['--canonical-permissions'], { canonicalPermissions: true }],
      [['--owner-uid=9'], { owner: { uid: 9 } }],
      [['--mode-ro-executables'], { modeRoExecutables: true }],
    ];
    for (const [args, options] of variants) {
      const result = await repo.commit({ tree: out, timestamp: TIME, devinoCache: cache, ...options });
      const flags = ['--orphan', AT_TIME, '--link-checkout-speedup', ...args];
      const expected = await cli.ostree('commit', ...flags, `--tree=dir=${out}`);
      expect(result.checksum, args.join(' ')).toBe(expected);
      expect(result.stats.cacheHits).toBeGreaterThan(0);
    }
    await cli.ostree('fsck', '-q');
  });

  it('takes a file whose inode is that of no object any more as it is', async () => {
    const { cli, out, cache, repo: opened } = await linked('bare-user');
    await using repo = opened;
    const [file = ''] = await checksumsAt(cli.path, 'main', '/b/big');
    await cli.ostree('refs', '--delete', 'main');
    await repo.prune({ refsOnly: true });
    const { checksum, stats } = await repo.commit({ tree: out, devinoCache: cache });
    expect(stats.cacheHits).toBe(0);
    expect(await repo.hasObject({ type: 'file', checksum: file })).toBe(false);
    expect(await repo.readFile(checksum, '/b/one', 'utf8')).toBe('1');
  });

  it('means nothing in another repository', async () => {
    const { out, cache, repo } = await linked('bare-user');
    await repo.close();
    const other = await cliRepo('bare-user');
    await using target = await Repo.open(other.path);
    const { stats } = await target.commit({ tree: out, branch: 'main', devinoCache: cache });
    expect(stats.cacheHits).toBe(0);
    await other.ostree('fsck', '-q');
  });

  it('can be cleared, and refuses what is none', async () => {
    const { out, cache, repo: opened } = await linked('bare-user');
    await using repo = opened;
    cache.clear();
    expect(cache.size).toBe(0);
    expect((await repo.commit({ tree: out, devinoCache: cache })).stats.cacheHits).toBe(0);
    const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
    await expect(repo.commit({ tree: out, devinoCache: {} as never })).rejects.toMatchObject(wrong);
    await expect(repo.checkout('main', `${out}2`, { devinoCache: 1 as never })).rejects.toMatchObject(wrong);
  });
});

describe('skip as a function', () => {
  it('leaves out what the list of the command leaves out', async () => {
    const tree = await newTree();
    const cli = await cliRepo('archive');
    const skips = join(await temporaryDirectory(), 'skips');
    await writeFile(skips, '/a/deep\n/b/one\n/link\n');
    const flags = ['--branch=main', AT_TIME, `--skip-list=${skips}`];
    const expected = await cli.ostree('commit', ...flags, `--tree=dir=${tree}`);
    await using repo = await Repo.open((await cliRepo('archive')).path);
    const asked = new Map<string, SkipStat>();
    const { checksum } = await repo.commit({
      tree,
      branch: 'main',
      timestamp: TIME,
      skip: (path, stat) => {
        asked.set(path, stat);
        return path === '/a/deep' || path === '/b/one' || stat.type === 'symlink';
      },
    });
    expect(checksum).toBe(expected);
    // Nothing below what is left out, and not the root.
    expect([...asked.keys()].sort()).toEqual([
      '/a',
      '/a/deep',
      '/a/one',
      '/b',
      '/b/big',
      '/b/one',
      '/empty',
      '/link',
    ]);
    const { mode, uid, gid } = await lstat(join(tree, 'b/big'));
    expect(asked.get('/b/big')).toEqual({ type: 'file', mode, uid, gid, size: 300_000 });
    expect(asked.get('/a')).toMatchObject({ type: 'directory', size: 0 });
    expect(asked.get('/link')).toMatchObject({ type: 'symlink', size: 0 });
  });

  it('is asked about every kind of source, each for itself', async () => {
    const dir = await newTree();
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    await repo.commit({ tree: dir, branch: 'ref' });
    const archive = join(await temporaryDirectory(), 'tree.tar');
    await execa('tar', ['-cf', archive, '-C', dir, '.']);
    let seen = 0;
    const skip = (path: string, { type }: SkipStat) => {
      if (path.endsWith('/a/one')) seen++;
      return path.endsWith('/a/deep') || (type === 'file' && path.endsWith('/b/one'));
    };
    const files = [
      { path: 'a/one', content: '1' },
      { path: 'a/deep/two', content: '2' },
      { path: 'b/one', content: '1' },
      { path: 'b/big', content: 'big' },
    ];
    const { checksum } = await repo.commit({
      tree: [
        { dir, prefix: 'dir' },
        { ref: 'ref', prefix: 'ref' },
        { tar: archive, prefix: 'tar' },
        { files, prefix: 'files' },
      ],
      skip,
    });
    expect(seen).toBe(4);
    const paths = (await ostree(`--repo=${cli.path}`, 'ls', '-R', '--nul-filenames-only', checksum)).split(
      '\0',
    );
    for (const source of ['dir', 'ref', 'tar', 'files']) {
      expect(paths).toEqual(expect.arrayContaining([`/${source}/a/one`, `/${source}/b/big`]));
      expect(paths.filter((path) => /deep|b\/one/.test(path))).toEqual([]);
    }
    // Lists leave out the same, and no empty directory in its place.
    const listed = await repo.commit({
      tree: [{ files }, { dir, prefix: 'gone/deep' }],
      skip: ['/a/deep', '/gone'],
    });
    expect((await repo.readdir(listed.checksum, '/')).map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await repo.readdir(listed.checksum, '/a')).map(({ name }) => name)).toEqual(['one']);
    // What it said of one source says nothing of the next.
    let times = 0;
    const again = await repo.commit({ tree: [dir, dir], skip: (path) => path === '/empty' && times++ === 0 });
    expect(await repo.readFile(again.checksum, '/empty', 'utf8')).toBe('');
  });

  it('may leave out what cannot be committed', async () => {
    const tree = await newTree();
    await execa('mkfifo', [join(tree, 'pipe')]);
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const { checksum } = await repo.commit({ tree, skip: (_path, { type }) => type === 'other' });
    expect(await repo.readFile(checksum, '/b/one', 'utf8')).toBe('1');
  });

  it('answers for large directories and long paths', async () => {
    const tree = join(await temporaryDirectory(), 'tree');
    const name = 'ü'.repeat(120);
    await mkdir(join(tree, name, name), { recursive: true });
    await writeTree(
      join(tree, name, name),
      Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`${i}`, `${i}`])),
    );
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const { checksum, stats } = await repo.commit({ tree, skip: (path) => /[13579]$/.test(path) });
    expect(stats.contentObjects).toBe(1500);
    expect(await repo.readFile(checksum, `/${name}/${name}/2998`, 'utf8')).toBe('2998');
  });

  it('rejects with what it throws, and keeps its asynchronous context', async () => {
    const tree = await newTree();
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const error = new RangeError('no');
    const throwing = repo.commit({
      tree,
      branch: 'main',
      skip: () => {
        throw error;
      },
    });
    await expect(throwing).rejects.toBe(error);
    expect(await repo.listRefs()).toEqual([]);
    const promising = repo.commit({ tree, skip: (async () => await Promise.resolve(false)) as never });
    await expect(promising).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });

    const context = new AsyncLocalStorage<string>();
    const seen = new Set<string | undefined>();
    await context.run('mine', () =>
      repo.commit({
        tree,
        skip: () => {
          seen.add(context.getStore());
          return false;
        },
      }),
    );
    expect([...seen]).toEqual(['mine']);
  });

  it('is woken when it is aborted, also in a transaction', async () => {
    const tree = await newTree();
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const reason = new Error('enough');
    for (const start of [
      (options: CommitOptions) => repo.commit(options),
      (options: CommitOptions) => repo.transaction((txn) => txn.commit(options)),
    ]) {
      const controller = new AbortController();
      let calls = 0;
      const commit = start({
        tree,
        signal: controller.signal,
        skip: () => {
          calls++;
          controller.abort(reason);
          return false;
        },
      });
      await expect(commit).rejects.toBe(reason);
      const settled = calls;
      await setImmediate();
      expect(calls).toBe(settled);
    }
    // Nothing is left that would hold the next one up.
    expect(await repo.commit({ tree, branch: 'main' })).toMatchObject({ changed: true });
  });

  it('goes together with other options, and with a transaction', async () => {
    const tree = await newTree();
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const options = {
      tree,
      skip: (path: string) => path === '/a',
      statOverride: { '/b/one': { set: 0o600 } },
    };
    const alone = await repo.commit(options);
    const within = await repo.transaction((txn) => txn.commit(options));
    expect(within.rootContents).toBe(alone.rootContents);
    expect((await repo.stat(alone.checksum, '/b/one')).mode & 0o7777).toBe(0o600);
    const unmatched = repo.commit({ ...options, statOverride: { '/nothing': { set: 0o600 } } });
    await expect(unmatched).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
