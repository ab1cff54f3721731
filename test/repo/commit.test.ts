import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type CommitProgress, Repo, type TreeSource, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { checksumsAt } from '../support/objects.js';
import { type CliRepo, cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

process.umask(0o022); // the modes below are what it leaves

async function tree(files: Record<string, string | Uint8Array> = { a: '1', 'dir/b': '2' }): Promise<string> {
  const dir = await temporaryDirectory();
  await chmod(dir, 0o755);
  await writeTree(dir, files);
  return dir;
}

/** What `ostree ls -R` says: type and mode, uid, gid, size and path. Whoever runs the test counts as root. */
async function list(cli: CliRepo, rev: string): Promise<string[]> {
  const lines = (await cli.ostree('ls', '-R', rev)).split('\n');
  return lines.map((line) => {
    const [mode, uid, gid, ...rest] = line.split(/ +/);
    const asRoot = (id: string | undefined, own: number | undefined) => (id === String(own) ? '0' : id);
    return [mode, asRoot(uid, process.getuid?.()), asRoot(gid, process.getgid?.()), ...rest].join(' ');
  });
}

/** Everything below objects/ and tmp/ that is no directory, no lock and no cache. */
async function leftovers(repo: string): Promise<string[]> {
  const lists = await Promise.all(
    ['objects', 'tmp'].map((name) => readdir(join(repo, name), { recursive: true, withFileTypes: true })),
  );
  return lists
    .flat()
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith('lock'))
    .map((entry) => entry.name);
}

describe('commit', () => {
  it('commits a directory to a branch, on top of its head', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const first = await repo.commit({ tree: await tree(), branch: 'os/main', subject: 'One', body: 'Text' });
    expect(first).toEqual({
      checksum: await cli.ostree('rev-parse', 'os/main'),
      changed: true,
      rootContents: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      rootMetadata: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      stats: { contentObjects: 2, contentWritten: 2, bytesWritten: 2, metadataWritten: 4, cacheHits: 0 },
    });
    const shown = await cli.ostree('show', 'os/main');
    expect(shown).toContain('    One\n\n    Text');

    const second = await repo.commit({ tree: await tree({ a: '1', c: '33' }), branch: 'os/main' });
    expect(second.stats).toMatchObject({ contentObjects: 2, contentWritten: 1, bytesWritten: 2 });
    expect(await cli.ostree('rev-parse', 'os/main^')).toBe(first.checksum);
    expect(await cli.ostree('cat', 'os/main', '/c')).toBe('33');
    await cli.ostree('fsck');
  });

  it('writes a commit without a branch, and with the parent that is given', async () => {
    const cli = await cliRepo();
    const parent = await cli.commit('main', { a: '0' });
    await using repo = await Repo.open(cli.path);
    const orphan = await repo.commit({ tree: await tree() });
    const child = await repo.commit({ tree: await tree(), parent });
    expect(await cli.ostree('refs')).toBe('main');
    await expect(repo.resolveRev(`${orphan.checksum}^`)).rejects.toThrow(/no parent/);
    expect(await repo.resolveRev(`${child.checksum}^`)).toBe(parent);
  });

  it('says CONFLICT when the branch is not at the parent, before it reads anything', async () => {
    const cli = await cliRepo();
    const actual = await cli.commit('main', { a: '0' });
    await using repo = await Repo.open(cli.path);
    const elsewhere = 'f'.repeat(64);
    await expect(repo.commit({ tree: '/missing', branch: 'main', parent: null })).rejects.toMatchObject({
      code: 'CONFLICT',
      ref: 'main',
      details: { ref: 'main', expected: null, actual },
    });
    await expect(repo.commit({ tree: '/missing', branch: 'main', parent: elsewhere })).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { ref: 'main', expected: elsewhere, actual },
    });
  });

  it('queues commits to one branch, in order, whichever Repo they come from', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    await using same = await Repo.open(cli.path);
    const trees = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => tree({ own: String(i) })));
    const results = await Promise.all(
      trees.map((dir, i) => (i % 2 ? repo : same).commit({ tree: dir, branch: 'main' })),
    );
    const log = await cli.ostree('log', 'main');
    const checksums = [...log.matchAll(/^commit ([0-9a-f]{64})$/gm)].map((match) => match[1]);
    expect(checksums.toReversed()).toEqual(results.map((result) => result.checksum));
  });

  it('takes a branch for a branch, even where it could be the beginning of a checksum', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '0' });
    await using repo = await Repo.open(cli.path);
    const branch = first.slice(0, 8);
    const { checksum } = await repo.commit({ tree: await tree(), branch });
    await expect(repo.resolveRev(`${checksum}^`)).rejects.toThrow(/no parent/);
    expect(await cli.ostree('refs')).toContain(branch);
  });

  it('writes nothing when the tree is the parent’s and skipIfUnchanged says so', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    const first = await repo.commit({ tree: dir, branch: 'main', skipIfUnchanged: true });
    expect(first.changed).toBe(true);
    const second = await repo.commit({ tree: dir, branch: 'main', subject: 'new', skipIfUnchanged: true });
    expect(second).toMatchObject({
      checksum: first.checksum,
      changed: false,
      rootContents: first.rootContents,
    });
    const metadataOnly = await repo.commit({
      tree: dir,
      branch: 'main',
      owner: { uid: 7 },
      skipIfUnchanged: true,
    });
    expect(metadataOnly.changed).toBe(true);
    expect(await repo.resolveRev('main')).toBe(metadataOnly.checksum);
  });

  it('reports progress: all phases, in order, growing, and the last before it resolves', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, 'x'.repeat(i)]));
    const seen: CommitProgress[] = [];
    await repo.commit({ tree: await tree(files), onProgress: (progress) => seen.push(progress) });
    const after = seen.length;
    expect(seen.at(-1)).toEqual({ phase: 'commit', files: 300, totalFiles: 300, bytes: 44_850 });
    const order = ['scan', 'files', 'metadata', 'commit'];
    const ranks = seen.map((progress) => order.indexOf(progress.phase));
    expect(ranks).toEqual(ranks.toSorted());
    expect(seen.map((progress) => progress.bytes)).toEqual(
      seen.map((progress) => progress.bytes).toSorted((a, b) => a - b),
    );
    await repo.resolveRev(cli.path).catch(() => {});
    expect(seen).toHaveLength(after);
  });

  it('has the command’s tree of one directory of thousands, and its total while most are unread', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const file = (i: number): [string, Uint8Array] => [
      `${'n'.repeat(20)}${i}`,
      randomBytes(i % 50 === 0 ? 300_000 : 16_000),
    ];
    const dir = await tree(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => file(i))));
    const seen: CommitProgress[] = [];
    const ours = await repo.commit({ tree: dir, branch: 'ours', onProgress: (now) => seen.push(now) });
    const [reading] = seen.filter(({ phase }) => phase === 'files');
    expect(reading).toMatchObject({ totalFiles: 3000 });
    expect(reading?.files).toBeLessThan(1500);
    expect(ours.stats).toMatchObject({ contentObjects: 3000, contentWritten: 3000 });
    await cli.ostree('commit', '--branch=theirs', `--tree=dir=${dir}`);
    expect([ours.rootContents, ours.rootMetadata]).toEqual(await checksumsAt(cli.path, 'theirs', '/'));
  });

  it('rejects with what a progress callback throws', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const error = new Error('enough');
    const onProgress = (): never => {
      throw error;
    };
    await expect(repo.commit({ tree: '/usr/bin', branch: 'main', onProgress })).rejects.toBe(error);
    expect(await repo.hasRef('main')).toBe(false);
  });

  it('is cancelled by its signal: before, and in the middle', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const reason = new Error('stop');
    await expect(repo.commit({ tree: '/usr/bin', signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const started = repo.commit({
      tree: '/usr/bin',
      branch: 'main',
      signal: controller.signal,
      onProgress: ({ bytes }) => {
        if (bytes > 0) controller.abort(reason);
      },
    });
    await expect(started).rejects.toBe(reason);
    expect(await repo.hasRef('main')).toBe(false);
    await cli.ostree('fsck');
  });

  it.each([
    ['no tree', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['an empty path', '', 'ERR_INVALID_ARG_VALUE'],
    ['two kinds of source', { dir: '/', ref: 'main' }, 'ERR_INVALID_ARG_VALUE'],
    ['no kind of source', { prefix: '/x' }, 'ERR_INVALID_ARG_VALUE'],
    ['a misspelt prefix', { dir: '/', prefx: 'x' }, 'ERR_INVALID_ARG_VALUE'],
    ['what another kind of source has', { dir: '/', subpath: 'x' }, 'ERR_INVALID_ARG_VALUE'],
    ['a prefix that climbs', { dir: '/', prefix: 'a/../b' }, 'ERR_INVALID_ARG_VALUE'],
    ['a NUL in a path', '/a\0b', 'ERR_INVALID_ARG_VALUE'],
    ['a number', 3, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s', async (_, value, code) => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.commit({ tree: value as never })).rejects.toMatchObject({ code });
  });

  it.each([
    [{ branch: 'a b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ branch: 'origin:main' }, 'ERR_INVALID_ARG_VALUE'],
    [{ parent: 'zz' }, 'ERR_INVALID_ARG_VALUE'],
    [{ base: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ subject: 'a\0' }, 'ERR_INVALID_ARG_VALUE'],
    [{ timestamp: new Date(NaN) }, 'ERR_INVALID_ARG_VALUE'],
    [{ timestamp: new Date(-1) }, 'ERR_INVALID_ARG_VALUE'],
    [{ timestamp: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ metadata: [] }, 'ERR_INVALID_ARG_TYPE'],
    [{ metadata: { x: null } }, 'ERR_INVALID_ARG_TYPE'],
    [{ bindRefs: 'main' }, 'ERR_INVALID_ARG_TYPE'],
    [{ bindRefs: [''] }, 'ERR_INVALID_ARG_VALUE'],
    [{ owner: { uid: -1 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ owner: { udi: 5 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ owner: { gid: 2 ** 32 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ owner: { uid: 5 }, canonicalPermissions: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ statOverride: { '/a': {} } }, 'ERR_INVALID_ARG_VALUE'],
    [{ statOverride: { '/a': { add: 1, set: 1 } } }, 'ERR_INVALID_ARG_VALUE'],
    [{ statOverride: { '/a': { set: 0o100644 } } }, 'ERR_INVALID_ARG_VALUE'],
    [{ skip: '/a' }, 'ERR_INVALID_ARG_TYPE'],
    [{ skip: [''] }, 'ERR_INVALID_ARG_VALUE'],
    [{ skip: [{ glob: '[ab]' }] }, 'ERR_INVALID_ARG_VALUE'],
    [{ skip: [{}] }, 'ERR_INVALID_ARG_TYPE'],
    [{ xattrs: 'no' }, 'ERR_INVALID_ARG_TYPE'],
    [{ generateSizes: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ consume: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    [{ composefs: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    [{ devinoCache: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    [{ devinoCache: new Map() }, 'ERR_INVALID_ARG_TYPE'],
    [{ concurrency: 0 }, 'ERR_INVALID_ARG_VALUE'],
    [{ onProgress: 'x' }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %o', async (options, code) => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.commit({ tree: '/missing', ...options } as never)).rejects.toMatchObject({ code });
  });

  it('refuses names, link targets and special files that OSTree cannot store, before it writes anything', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const refused: [(dir: string) => Promise<unknown>, string, string][] = [
      [
        (dir) => writeFile(Buffer.concat([Buffer.from(`${dir}/z`), Buffer.of(0xff)]), ''),
        'INVALID_ARGUMENT',
        'z\\xff',
      ],
      [(dir) => symlink(Buffer.of(0xfe, 0x2f, 0x61), `${dir}/z`), 'INVALID_ARGUMENT', 'z'],
      [(dir) => fifo(`${dir}/z`), 'NOT_SUPPORTED', 'z'],
    ];
    for (const [make, code, name] of refused) {
      const dir = await tree({ a: '1', 'sub/b': '2' });
      await make(join(dir, 'sub'));
      await expect(repo.commit({ tree: dir, branch: 'main' })).rejects.toMatchObject({
        code,
        path: join(dir, 'sub', name),
      });
    }
    expect(await leftovers(cli.path)).toEqual([]);
    expect(await cli.ostree('refs')).toBe('');
  });

  it('tells which source is missing, or no directory', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    await symlink(dir, join(dir, 'link'));
    const commit = (source: TreeSource) => repo.commit({ tree: source });
    await expect(commit('/missing')).rejects.toMatchObject({ code: 'NOT_FOUND', path: '/missing' });
    await expect(commit(join(dir, 'a'))).rejects.toMatchObject({ code: 'NOT_DIRECTORY' });
    await expect(commit(join(dir, 'link'))).rejects.toMatchObject({ code: 'NOT_DIRECTORY' });
    await expect(commit({ ref: 'missing' })).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'missing' });
    await expect(repo.commit({ tree: dir, base: 'missing' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await cli.commit('main', { 'dir/file': '1' });
    await expect(commit({ ref: 'main', subpath: '/none' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/none',
    });
    await expect(commit({ ref: 'main', subpath: 'dir/file' })).rejects.toMatchObject({
      code: 'NOT_DIRECTORY',
    });
    await expect(repo.commit({ tree: [] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('follows the symbolic link of a source that ends with a slash, as the kernel does', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    const there = await tree({});
    await symlink(dir, join(there, 'link'));
    const { rootContents } = await repo.commit({ tree: `${join(there, 'link')}/` });
    expect((await repo.commit({ tree: dir })).rootContents).toBe(rootContents);
  });

  it('overlays: later files win, later metadata of directories wins, kinds never change', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const one = await tree({ 'dir/a': '1', 'dir/b': '1', file: '1' });
    const two = await tree({ 'dir/b': '22', 'dir/c': '22' });
    await chmod(join(two, 'dir'), 0o750);
    await repo.commit({ tree: [one, two], branch: 'main' });
    expect(await list(cli, 'main')).toEqual([
      'd00755 0 0 0 /',
      '-00644 0 0 1 /file',
      'd00750 0 0 0 /dir',
      '-00644 0 0 1 /dir/a',
      '-00644 0 0 2 /dir/b',
      '-00644 0 0 2 /dir/c',
    ]);
    const conflicting = await tree({ 'file/x': '' });
    await expect(repo.commit({ tree: [one, conflicting] })).rejects.toMatchObject({
      code: 'NOT_DIRECTORY',
      path: '/file',
    });
    await expect(repo.commit({ tree: [conflicting, one] })).rejects.toMatchObject({
      code: 'IS_DIRECTORY',
      path: '/file',
    });
  });

  it('puts sources below a prefix, and commits below another', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await repo.commit({ tree: { dir: await tree(), prefix: '/usr/share/x' }, branch: 'one' });
    expect(await list(cli, 'one')).toEqual([
      'd00755 0 0 0 /',
      'd00755 0 0 0 /usr',
      'd00755 0 0 0 /usr/share',
      'd00755 0 0 0 /usr/share/x',
      '-00644 0 0 1 /usr/share/x/a',
      'd00755 0 0 0 /usr/share/x/dir',
      '-00644 0 0 1 /usr/share/x/dir/b',
    ]);
    await repo.commit({
      tree: [
        { ref: 'one', subpath: 'usr/share' },
        { dir: await tree({ c: '3' }), prefix: 'x/dir' },
      ],
      branch: 'two',
    });
    expect(await cli.ostree('ls', '-R', '--nul-filenames-only', 'two')).toBe(
      '/\0/x\0/x/a\0/x/dir\0/x/dir/b\0/x/dir/c\0',
    );
  });

  it('starts from a base, to which no option applies', async () => {
    const cli = await cliRepo();
    await cli.commit('base', { old: '1', 'dir/kept': '1' });
    await using repo = await Repo.open(cli.path);
    const dir = await tree({ 'dir/new': '22' });
    await repo.commit({ base: 'base', tree: dir, branch: 'main', owner: { uid: 7 } });
    expect(await list(cli, 'main')).toEqual([
      'd00755 7 0 0 /',
      '-00644 0 0 1 /old',
      'd00755 7 0 0 /dir',
      '-00644 0 0 1 /dir/kept',
      '-00644 7 0 2 /dir/new',
    ]);
    const alone = await repo.commit({ base: 'base', tree: [] });
    expect(await cli.ostree('diff', 'base', alone.checksum)).toBe('');
  });

  it('applies owner, permissions, overrides and skips, to commits in the tree too', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree({ a: '1', 'bin/x': '1', 'bin/y.pyc': '', 'cache/z': '', 'deep/er/q.pyc': '' });
    await chmod(join(dir, 'bin/x'), 0o775);
    await repo.commit({ tree: dir, branch: 'plain', owner: { uid: 1, gid: 2 } });
    for (const source of [dir, { ref: 'plain' }]) {
      await repo.commit({
        tree: source,
        branch: 'main',
        owner: { uid: 0, gid: 5 },
        modeRoExecutables: true,
        skip: ['/cache', { glob: '*.pyc' }],
        statOverride: { '/bin/x': { add: 0o4000 }, '/bin': { add: 0o2000 }, '/a': { set: 0o600 } },
      });
      expect(await list(cli, 'main')).toEqual([
        'd00755 0 5 0 /',
        '-00600 0 5 1 /a',
        'd02755 0 5 0 /bin',
        '-04555 0 5 1 /bin/x',
        'd00755 0 5 0 /deep',
        'd00755 0 5 0 /deep/er',
      ]);
    }
    await cli.ostree('fsck');
  });

  it('skips in every source', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const trees = [await tree({ secret: '1' }), await tree({ secret: '2', a: '1' })];
    await repo.commit({ tree: trees, branch: 'main', skip: ['/secret'] });
    expect(await cli.ostree('ls', '-R', '--nul-filenames-only', 'main')).toBe('/\0/a\0');
  });

  it.each([
    ['/**/x', ['/x', '/a/x', '/a/b/x']],
    ['x', ['/x', '/a/x', '/a/b/x']],
    ['/*/x', ['/a/x']],
    ['/a/**', ['/a']],
    ['b/?', ['/a/b/x']],
    ['/x*', ['/x', '/xé', '/xy']],
    ['/x?', ['/xé', '/xy']],
    ['/**/b', ['/a/b']],
  ])('skips what the glob %s matches', async (glob, skipped) => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const all = ['/x', '/a/x', '/a/b/x', '/xé', '/xy'];
    const dir = await tree(Object.fromEntries(all.map((path) => [path.slice(1), ''])));
    await repo.commit({ tree: dir, branch: 'main', skip: [{ glob }] });
    const left = (await cli.ostree('ls', '-R', '--nul-filenames-only', 'main')).split('\0').slice(1, -1);
    const gone = (path: string) => skipped.some((skip) => path === skip || path.startsWith(`${skip}/`));
    expect(all.filter((path) => !left.includes(path))).toEqual(all.filter(gone));
  });

  it('says NOT_FOUND of a skip or an override that matches nothing, before it writes anything', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    await expect(repo.commit({ tree: dir, skip: ['/a', '/b'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/b',
    });
    await expect(
      repo.commit({ tree: dir, statOverride: { '/missing': { set: 0o644 } } }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', path: '/missing' });
    expect(await leftovers(cli.path)).toEqual([]);
  });

  it('refuses the mode of a symbolic link, which a bare repository could not store', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    await symlink('a', join(dir, 'link'));
    await expect(
      repo.commit({ tree: dir, statOverride: { '/link': { add: 0o4000 } } }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', path: '/link' });
  });

  it('writes metadata of every kind, and detached metadata', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const { checksum } = await repo.commit({
      tree: await tree(),
      branch: 'main',
      version: '4.2',
      metadata: {
        'x.text': 'a',
        'x.list': ['a', 'b'],
        'x.exact': new Variant('(ys)', [1, 'x']),
        'x.none': undefined,
      },
      detachedMetadata: { 'y.flag': true },
    });
    const show = (...args: string[]) => cli.ostree('show', ...args, 'main');
    expect(await show('--print-metadata-key=version')).toBe("'4.2'");
    expect(await show('--print-metadata-key=x.list')).toBe("['a', 'b']");
    expect(await show('--print-metadata-key=x.exact')).toBe("(byte 0x01, 'x')");
    expect(await show('--print-detached-metadata-key=y.flag')).toBe('true');
    await expect(show('--print-metadata-key=x.none')).rejects.toThrow();
    expect(await repo.resolveRev('main')).toBe(checksum);
    await expect(
      repo.commit({ tree: await tree(), version: '1', metadata: { version: '2' } }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('leaves no trace of a failure, and the next commit works', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const dir = await tree();
    await expect(repo.commit({ tree: dir, branch: 'main', bootable: true })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await writeTree(dir, { 'usr/lib/modules/6.1/vmlinuz': 'kernel' });
    await repo.commit({ tree: dir, branch: 'main', bootable: true });
    expect(await cli.ostree('show', '--print-metadata-key=ostree.linux', 'main')).toBe("'6.1'");
    expect(await cli.ostree('show', '--print-metadata-key=ostree.bootable', 'main')).toBe('true');
  });

  it('commits through the handle of a lock', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using lock = await repo.lock('exclusive');
    const { checksum } = await lock.repo.commit({ tree: await tree(), branch: 'main', fsync: false });
    await lock.release();
    expect(await repo.resolveRev('main')).toBe(checksum);
  });

  it('says NO_SPACE below min-free-space', async () => {
    const cli = await cliRepo();
    await cli.ostree('config', 'set', 'core.min-free-space-percent', '99');
    await using repo = await Repo.open(cli.path);
    await expect(repo.commit({ tree: await tree() })).rejects.toMatchObject({ code: 'NO_SPACE' });
  });

  it('stores links, setuid files, empty ones, and what is larger than the buffers, once each', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const large = Buffer.alloc((1 << 20) + 1, 'x');
    const dir = await tree({ empty: '', large, same: large, small: large.subarray(1), setuid: 'x' });
    await chmod(join(dir, 'setuid'), 0o4755);
    await link(join(dir, 'large'), join(dir, 'hard'));
    await symlink('../nowhere/é', join(dir, 'soft'));
    await mkdir(join(dir, 'emptydir'));
    const { stats } = await repo.commit({ tree: dir, branch: 'main' });
    expect(stats).toMatchObject({ contentObjects: 7, contentWritten: 5, bytesWritten: 2 * (1 << 20) + 2 });
    await cli.ostree('fsck');
    const out = join(await temporaryDirectory(), 'out');
    await cli.ostree('checkout', '-U', 'main', out);
    expect((await stat(join(out, 'large'))).size).toBe(large.length);
    expect((await list(cli, 'main')).filter((line) => /soft|setuid|emptydir/.test(line))).toEqual([
      '-04755 0 0 1 /setuid',
      'l00777 0 0 0 /soft -> ../nowhere/é',
      'd00755 0 0 0 /emptydir',
    ]);
  });
});

async function fifo(path: string): Promise<void> {
  await execa('mkfifo', [path]);
}
