import { existsSync, statfsSync } from 'node:fs';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { execa, execaSync } from 'execa';
import { type CommitOptions, type CommitResult, Repo } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { runModule } from '../support/child.js';
import { checksumsAt, cliFsck, objectFile, setXattr } from '../support/objects.js';
import { cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';
import { needsRoot } from '../support/trees.js';

const TMPFS = 0x01021994;
const isTmpfs = (dir: string) => existsSync(dir) && statfsSync(dir).type === TMPFS;

/** Where ext4, xfs or btrfs is: the cache is of use nowhere else. */
const place = [tmpdir(), '/var/tmp', process.cwd()].find(
  (dir) => existsSync(dir) && [0xef53, 0x58465342, 0x9123683e].includes(statfsSync(dir).type),
);
if (!place) console.warn('Skipped: neither ext4, xfs nor btrfs is in /tmp, /var/tmp or here');

interface Fixture {
  repo: Repo;
  path: string;
  home: string;
  tree: string;
  cache: string;
  /** With the cache, unless told otherwise. */
  commit: (options?: Partial<CommitOptions>) => Promise<CommitResult>;
  /** The dirtree that the command makes of the tree. */
  root: () => Promise<string | undefined>;
}

/** A tree of four files that is old enough to be remembered. */
async function fixture(mode = 'bare-user', base = place ?? tmpdir()): Promise<Fixture> {
  const { path } = await cliRepo(mode);
  const home = await mkdtemp(join(base, 'ostree-test-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const tree = join(home, 'tree');
  await writeTree(tree, { 'etc/hosts': 'localhost', 'usr/bin/tool': '#!/bin/sh', 'usr/share/text': 'aaaa' });
  await symlink('bin/tool', join(tree, 'usr/link'));
  await clockPasses(join(tree, 'usr/link'));
  const repo = await Repo.open(path);
  const cache = join(home, 'cache');
  const commit = (options: Partial<CommitOptions> = {}) =>
    repo.commit({ branch: 'main', tree, cache, timestamp: new Date(0), fsync: false, ...options });
  const root = async () => {
    const reference = await cliRepo(mode);
    await reference.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
    return (await checksumsAt(reference.path, 'main', '/'))[0];
  };
  return { repo, path, home, tree, cache, commit, root };
}

/** Returns when the clock of CLOCK_REALTIME_COARSE shows a later time than the file's. */
async function clockPasses(file: string): Promise<void> {
  const program = `import os, sys, time
while time.clock_gettime_ns(5) <= os.lstat(sys.argv[1]).st_ctime_ns: pass`;
  await execa('python3', ['-c', program, file]);
}

describe.skipIf(!place)('A commit with a cache', () => {
  it.each(['archive', 'bare-user', 'bare'])('reads nothing that is as it was (%s)', async (mode) => {
    const { repo, commit, root } = await fixture(mode);
    await using _ = repo;
    const first = await commit();
    expect(first.stats).toMatchObject({ contentObjects: 4, cacheHits: 0 });
    const second = await commit();
    expect(second.stats).toMatchObject({ contentObjects: 4, contentWritten: 0, cacheHits: 4 });
    expect(second.rootContents).toBe(first.rootContents);
    expect(second.rootContents).toBe(await root());
  });

  it('has it in the repository when it is true, for each set of options, and keeps some', async () => {
    const { repo, path, home, commit } = await fixture();
    await using _ = repo;
    await commit({ cache: true });
    expect((await commit({ cache: true })).stats.cacheHits).toBe(4);
    const other = { cache: true, owner: { uid: 7 } };
    expect((await commit(other)).stats.cacheHits).toBe(0);
    expect((await commit(other)).stats.cacheHits).toBe(4);
    expect((await commit({ cache: true })).stats.cacheHits).toBe(4);
    const dir = join(path, 'tmp/cache/commit');
    expect(await readdir(dir)).toHaveLength(2);
    for (let i = 0; i < 20; i++) {
      const tree = join(home, `tree-${i}`);
      await writeTree(tree, { file: `${i}` });
      await commit({ cache: true, tree });
    }
    expect((await readdir(dir)).length).toBeLessThanOrEqual(16);
    await ostree(`--repo=${path}`, 'prune');
    expect(await cliFsck(path)).toBe(true);
  });

  it('rebuilds it for other options', async () => {
    const { repo, commit, root } = await fixture();
    await using _ = repo;
    await commit();
    const owner = { uid: 0, gid: 0 };
    for (const options of [
      { canonicalPermissions: true, owner },
      { owner: { uid: 5 } },
      { owner: { gid: 5 } },
      { modeRoExecutables: true, owner },
      { xattrs: false, owner },
    ]) {
      expect((await commit(options)).stats.cacheHits).toBe(0);
      const { rootContents, stats } = await commit(options);
      expect(stats.cacheHits).toBe(4);
      expect(rootContents).toBe((await commit({ ...options, cache: false })).rootContents);
    }
    expect((await commit()).rootContents).toBe(await root());
  });

  it('has nothing in it of what a statOverride changes', async () => {
    const { repo, commit } = await fixture();
    await using _ = repo;
    const roots = new Set<string>();
    for (const set of [0o4755, 0o755, 0o700, 0o4755]) {
      const statOverride = { '/usr/bin/tool': { set } };
      const { rootContents, stats } = await commit({ statOverride });
      expect(stats.cacheHits).toBe(roots.size === 0 ? 0 : 3);
      expect(rootContents).toBe((await commit({ statOverride, cache: false })).rootContents);
      roots.add(rootContents);
    }
    expect(roots.size).toBe(3);
    expect((await commit()).rootContents).toBe((await commit({ cache: false })).rootContents);
  });

  it('sees what is written in the tick of the clock in which it was committed', async () => {
    const { repo, tree, commit, root } = await fixture();
    await using _ = repo;
    const file = join(tree, 'usr/share/text');
    for (let i = 0; i < 30; i++) {
      await writeFile(file, `b${String(i).padStart(3, '0')}`);
      await commit();
      await writeFile(file, `c${String(i).padStart(3, '0')}`);
      const { rootContents } = await commit();
      expect(rootContents).toBe((await commit({ cache: false })).rootContents);
    }
    expect((await commit()).rootContents).toBe(await root());
  });

  it('remembers nothing that is stamped with a time to come', async () => {
    const { repo, tree, commit } = await fixture();
    await using _ = repo;
    await utimes(join(tree, 'usr/share/text'), 2 ** 31 - 2, 2 ** 31 - 2);
    await clockPasses(join(tree, 'usr/share/text'));
    await commit();
    expect((await commit()).stats.cacheHits).toBe(3);
    expect((await commit()).stats.cacheHits).toBe(3);
  });

  const changes: [string, (file: string) => Promise<void>][] = [
    ['another content of the same size', (file) => writeFile(file, 'bbbb')],
    [
      'the same size, with the old time put back',
      async (file) => {
        const { atime, mtime } = await lstat(file);
        await writeFile(file, 'bbbb');
        await utimes(file, atime, mtime);
      },
    ],
    [
      'another file in its place, of the same size and time',
      async (file) => {
        const { atime, mtime } = await lstat(file);
        await writeFile(`${file}.new`, 'bbbb');
        await utimes(`${file}.new`, atime, mtime);
        await rename(`${file}.new`, file);
      },
    ],
    [
      'a link in its place',
      async (file) => {
        await rm(file);
        await symlink('aaaa', file);
      },
    ],
    ['nothing in its place', (file) => rm(file)],
    ['another mode', (file) => chmod(file, 0o750)],
    ['an extended attribute', (file) => setXattr(file, 'user.tag', Buffer.from('one'))],
  ];
  it.each(changes)('sees %s', async (_, change) => {
    const { repo, tree, commit, root } = await fixture();
    await using _repo = repo;
    await commit();
    expect((await commit()).stats.cacheHits).toBe(4);
    await change(join(tree, 'usr/share/text'));
    const { rootContents, stats } = await commit();
    expect(stats.cacheHits).toBe(3);
    expect(rootContents).toBe(await root());
  });

  it.each(['archive', 'bare-user'])('writes again what was pruned (%s)', async (mode) => {
    const { repo, path, commit } = await fixture(mode);
    await using _ = repo;
    const { checksum } = await commit();
    await repo.deleteRef('main');
    await ostree(`--repo=${path}`, 'prune', '--refs-only');
    expect(await repo.hasObject({ type: 'commit', checksum })).toBe(false);
    const { stats } = await commit();
    expect(stats).toMatchObject({ contentWritten: 4, cacheHits: 0 });
    expect(await cliFsck(path)).toBe(true);
    expect((await commit()).stats.cacheHits).toBe(4);
  });

  it.each(['archive', 'bare-user'])('misses one object of very many (%s)', async (mode) => {
    const { repo, path, tree, commit, root } = await fixture(mode);
    await using _ = repo;
    const names = Array.from({ length: 1500 }, (_, i) => `many/file-${i}`);
    await writeTree(tree, Object.fromEntries(names.map((name) => [name, name])));
    await clockPasses(join(tree, names.at(-1) ?? ''));
    await commit();
    const all = names.length + 4;
    expect((await commit()).stats.cacheHits).toBe(all);
    const extension = mode === 'archive' ? 'filez' : 'file';
    const object = async (name: string) =>
      objectFile(path, (await checksumsAt(path, 'main', `/${name}`))[0] ?? '', extension);

    await rm(await object('many/file-700'));
    expect((await commit()).stats).toMatchObject({ cacheHits: all - 1, contentWritten: 1 });
    // A directory that is elsewhere is not listed: its objects are asked for.
    const directory = dirname(await object('many/file-701'));
    await rename(directory, `${directory}-moved`);
    await symlink(`${directory}-moved`, directory);
    expect((await commit()).stats).toMatchObject({ cacheHits: all, contentWritten: 0 });
    await rm(directory);
    await rename(`${directory}-moved`, directory);

    await writeFile(join(tree, 'many/file-702'), 'another');
    await rm(join(tree, 'many/file-703'));
    const { stats, rootContents } = await commit();
    expect(stats).toMatchObject({ cacheHits: all - 2, contentWritten: 1 });
    expect(rootContents).toBe(await root());
    await clockPasses(join(tree, 'many/file-702'));
    expect((await commit()).stats.cacheHits).toBeGreaterThanOrEqual(all - 2);
    expect(await cliFsck(path)).toBe(true);
  });

  it('rebuilds it whatever is in its file', async () => {
    const { repo, cache, commit } = await fixture();
    await using _ = repo;
    const { rootContents } = await commit();
    const whole = await readFile(cache);
    const rebuilds = async (bytes: Uint8Array) => {
      await writeFile(cache, bytes);
      const result = await commit({ branch: undefined });
      expect(result).toMatchObject({ rootContents, stats: { cacheHits: 0 } });
      expect((await readFile(cache)).equals(whole)).toBe(true);
    };
    for (let length = 0; length < whole.length; length += 11) await rebuilds(whole.subarray(0, length));
    for (let at = 0; at < whole.length; at += 29) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 255;
      await rebuilds(damaged);
    }
    await rebuilds(Buffer.concat([whole, Buffer.of(0)]));
    await rebuilds(Buffer.alloc(1 << 20));
  });

  it('does not believe a file that others may write to', async () => {
    const { repo, cache, commit } = await fixture();
    await using _ = repo;
    await commit();
    await chmod(cache, 0o666);
    expect((await commit()).stats.cacheHits).toBe(0);
    expect((await commit()).stats.cacheHits).toBe(4);
  });

  it.skipIf(needsRoot)(`does not believe somebody else's file${needsRoot}`, async () => {
    const { repo, cache, commit } = await fixture();
    await using _ = repo;
    await commit();
    expect((await commit()).stats.cacheHits).toBe(4);
    await chown(cache, 1, 1);
    expect((await commit()).stats.cacheHits).toBe(0);
  });

  it('needs no cache that can be written', async () => {
    const { repo, home, commit } = await fixture();
    await using _ = repo;
    await mkdir(join(home, 'directory'));
    await execa('mkfifo', [join(home, 'pipe')]);
    for (const cache of ['/proc/self/no/such/place', join(home, 'directory'), join(home, 'pipe')]) {
      const first = await commit({ cache });
      expect((await commit({ cache })).rootContents).toBe(first.rootContents);
    }
  });

  it('shares it with other processes', async () => {
    const { repo, path, tree, cache, commit } = await fixture();
    await using _ = repo;
    const program = `import { Repo } from 'ostree';
      const [, path, tree, cache] = process.argv;
      const repo = await Repo.open(path);
      const roots = new Set();
      for (let i = 0; i < 20; i++) {
        // Others' options: each process undoes what the others wrote.
        const owner = i % 3 === 0 ? { uid: 1 } : undefined;
        const { rootContents } = await repo.commit({ tree, cache, owner, fsync: false });
        if (!owner) roots.add(rootContents);
      }
      console.log([...roots].join());
      await repo.close();`;
    const outputs = await Promise.all([1, 2, 3].map(() => runModule(program, [path, tree, cache])));
    const { rootContents } = await commit();
    expect(rootContents).toBe((await commit({ cache: false })).rootContents);
    expect((await commit()).stats.cacheHits).toBe(4);
    for (const output of outputs) expect(output).toMatchObject({ exitCode: 0, stdout: rootContents });
    expect(await cliFsck(path)).toBe(true);
  });
});

const OVERLAY = ['--mount', 'mount', '-t', 'overlay', 'none', '-o'];
const { failed, stderr } = execaSync('unshare', [...OVERLAY, 'lowerdir=/usr:/etc', '/mnt'], {
  reject: false,
});
const noOverlay = failed ? ` (skipped: no overlay can be mounted: ${stderr})` : '';
it.skipIf(noOverlay)(`reads what is on an overlay${noOverlay}`, async () => {
  const { repo, path, home, tree, cache } = await fixture();
  await using _ = repo;
  const empty = join(home, 'empty');
  await mkdir(empty);
  const program = `import { Repo } from 'ostree';
    const [, path, tree, cache] = process.argv;
    const repo = await Repo.open(path);
    for (let i = 0; i < 2; i++) console.log((await repo.commit({ tree, cache })).stats.cacheHits);
    await repo.close();`;
  const mount = `mount -t overlay none -o "lowerdir=$2:${empty}" "$2"`;
  const script = `${mount} && exec "${process.execPath}" --input-type=module --eval "$0" "$@"`;
  const { stdout } = await execa('unshare', ['--mount', 'sh', '-c', script, program, path, tree, cache]);
  expect(stdout).toBe('0\n0');
});

const shm = '/dev/shm';
const noShm = isTmpfs(shm) ? '' : ` (skipped: no tmpfs in ${shm})`;
it.skipIf(noShm)(`reads what is on a file system that does not tell of every change${noShm}`, async () => {
  const { repo, commit } = await fixture('bare-user', shm);
  await using _ = repo;
  await commit();
  expect((await commit()).stats.cacheHits).toBe(0);
  await commit({ xattrs: false });
  expect((await commit({ xattrs: false })).stats.cacheHits).toBe(4);
});

it('refuses a cache that is neither a boolean nor a path', async () => {
  const { path } = await cliRepo();
  await using repo = await Repo.open(path);
  const tree = await temporaryDirectory();
  const commit = (cache: never) => repo.commit({ tree, cache });
  await expect(commit(1 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  await expect(commit('' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  await expect(commit('a\0b' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});
