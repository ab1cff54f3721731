import { chmod, lchown, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type Diff, type DiffOptions, type DiffSource, Repo, type RepoMode } from 'ostree';
import { describe, expect, it } from 'vitest';

import { DIRMETA, forge, forgeCommit, forgeFile, forgeTree } from '../support/forge.js';
import { checksumsAt, objectFile, setXattr } from '../support/objects.js';
import { type CliRepo, cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { needsRoot } from '../support/trees.js';
import { countTurns } from '../support/turns.js';

const MODES: RepoMode[] = ['archive', 'bare', 'bare-user', 'bare-user-only'];

/** As `ostree diff` prints it: `M    /path`, sorted. */
function lines({ added, removed, modified }: Diff): string[] {
  return [
    ...modified.map(({ path }) => `M ${path}`),
    ...removed.map(({ path }) => `D ${path}`),
    ...added.map(({ path }) => `A ${path}`),
  ].sort();
}

async function printed(cli: CliRepo, from: DiffSource, to: DiffSource, ...args: string[]): Promise<string[]> {
  const name = (source: DiffSource) => (typeof source === 'string' ? source : source.dir);
  const output = await cli.ostree('diff', ...args, name(from), name(to));
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^(.) +\/?/, '$1 /'))
    .sort();
}

/** Our result, once it has been found to be what the command says. */
async function same(
  cli: CliRepo,
  from: DiffSource,
  to: DiffSource,
  options: DiffOptions = {},
  ...args: string[]
): Promise<Diff> {
  await using repo = await Repo.open(cli.path);
  const diff = await repo.diff(from, to, options);
  expect(lines(diff)).toEqual(await printed(cli, from, to, ...args));
  return diff;
}

/** Two versions of a tree in which everything happens that can. */
async function versions(): Promise<{ before: string; after: string }> {
  const before = await temporaryDirectory();
  const after = await temporaryDirectory();
  const common = { 'same/deep/file': 'same', 'same/other': 'x'.repeat(300_000), kept: '' };
  await writeTree(before, {
    ...common,
    grown: '1',
    rewritten: 'abc',
    mode: 'mode',
    'mode+content': 'one',
    gone: 'gone',
    'gone-dir/a/b': 'deep',
    'file-to-dir': 'x',
    'dir-to-file/in/it': 'x',
    'file-to-link': 'x',
    'a-b': '1',
    'a/c': '1',
    'a.d': '1',
  });
  await writeTree(after, {
    ...common,
    grown: '12',
    rewritten: 'abd',
    mode: 'mode',
    'mode+content': 'two',
    new: 'new',
    'new-dir/a/b': 'deep',
    'file-to-dir/x': 'x',
    'dir-to-file': 'x',
    'a-b': '2',
    'a/c': '2',
    'a.d': '2',
    'größe 猫': 'x',
  });
  await chmod(join(after, 'mode'), 0o755);
  await chmod(join(after, 'mode+content'), 0o600);
  await mkdir(join(before, 'dir-mode'));
  await mkdir(join(after, 'dir-mode'), { mode: 0o700 });
  await mkdir(join(after, 'new-empty'));
  for (const [dir, target] of [
    [before, 'one'],
    [after, 'two'],
  ] as const) {
    await symlink(target, join(dir, 'link'));
    await symlink('same', join(dir, 'same-link'));
  }
  await symlink('x', join(after, 'file-to-link'));
  return { before, after };
}

async function commits(cli: CliRepo, { before, after }: { before: string; after: string }): Promise<void> {
  await cli.ostree('commit', '--branch=before', `--tree=dir=${before}`);
  await cli.ostree('commit', '--branch=after', `--tree=dir=${after}`);
}

describe.each(MODES)('diff in mode %s', (mode) => {
  it('reports what the command does: commits, directories, and both ways between them', async () => {
    const cli = await cliRepo(mode);
    const dirs = await versions();
    await commits(cli, dirs);
    const [before, after] = [{ dir: dirs.before }, { dir: dirs.after }];
    const diff = await same(cli, 'before', 'after');
    const changes = Object.fromEntries(diff.modified.map(({ path, changes }) => [path, changes]));
    expect(changes).toEqual({
      '/a-b': ['content'],
      '/a.d': ['content'],
      '/a/c': ['content'],
      '/dir-mode': ['mode'],
      '/dir-to-file': ['type'],
      '/file-to-dir': ['type'],
      '/file-to-link': ['type'],
      '/grown': ['content'],
      '/link': ['target'],
      '/mode': ['mode'],
      '/mode+content': ['content', 'mode'],
      '/rewritten': ['content'],
    });
    const paths = (list: { path: string }[]) => list.map(({ path }) => path);
    expect(paths(diff.modified)).toEqual(
      paths(diff.modified).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    expect(paths(diff.removed)).toEqual(['/gone', '/gone-dir']);
    expect(paths(diff.added)).toEqual([
      '/größe 猫',
      '/new',
      '/new-dir',
      '/new-dir/a',
      '/new-dir/a/b',
      '/new-empty',
    ]);
    const byDirectory = await same(cli, before, after);
    expect(Object.fromEntries(byDirectory.modified.map(({ path, changes }) => [path, changes]))).toEqual(
      changes,
    );
    await same(cli, 'before', after);
    await same(cli, before, 'after');
    await same(cli, 'after', 'before');
    await same(cli, after, before);
    await same(cli, 'after', before);
    await same(cli, 'before', 'before');
    await same(cli, 'before', before);
    await same(cli, before, before);
  });

  it('tells what is on both sides', async () => {
    const cli = await cliRepo(mode);
    const dirs = await versions();
    await commits(cli, dirs);
    await using repo = await Repo.open(cli.path);
    const { added, removed, modified } = await repo.diff('before', 'after');
    const [object] = await checksumsAt(cli.path, 'after', '/new');
    expect(added.find(({ path }) => path === '/new')).toEqual({
      path: '/new',
      type: 'file',
      mode: 0o100644,
      uid: 0,
      gid: 0,
      size: 3,
      checksum: object,
    });
    expect(removed.find(({ path }) => path === '/gone-dir')).toEqual({
      path: '/gone-dir',
      type: 'directory',
      mode: 0o40755,
      uid: 0,
      gid: 0,
      size: 0,
    });
    const link = modified.find(({ path }) => path === '/link');
    expect(link).toMatchObject({
      type: 'symlink',
      target: 'two',
      size: 3,
      from: { target: 'one' },
      to: { target: 'two' },
    });
    expect(modified.find(({ path }) => path === '/dir-to-file')).toMatchObject({
      type: 'file',
      size: 1,
      from: { type: 'directory', mode: 0o40755 },
      changes: ['type'],
    });
  });
});

describe.skipIf(needsRoot)(`extended attributes and owners${needsRoot}`, () => {
  async function sample(mode: RepoMode): Promise<{ cli: CliRepo; dir: string }> {
    const cli = await cliRepo(mode);
    const dir = await temporaryDirectory();
    await writeTree(dir, { plain: '1', tagged: '2', owned: '3', 'dir/file': '4' });
    await setXattr(join(dir, 'tagged'), 'user.tag', Buffer.from('one'));
    await setXattr(join(dir, 'dir'), 'user.tag', Buffer.from('one'));
    await cli.ostree('commit', '--branch=main', `--tree=dir=${dir}`);
    await setXattr(join(dir, 'tagged'), 'user.tag', Buffer.from('two'));
    await setXattr(join(dir, 'dir'), 'user.tag', null);
    await setXattr(join(dir, 'plain'), 'user.empty', Buffer.alloc(0));
    await lchown(join(dir, 'owned'), 12, 34);
    await cli.ostree('commit', '--branch=later', `--tree=dir=${dir}`);
    return { cli, dir };
  }

  it.each(['archive', 'bare', 'bare-user', 'bare-user-only'] as const)(
    'are compared, in mode %s',
    async (mode) => {
      const { cli, dir } = await sample(mode);
      const diff = await same(cli, 'main', { dir });
      const expected =
        mode === 'bare-user-only'
          ? [['/owned', ['owner']]]
          : [
              ['/dir', ['xattrs']],
              ['/owned', ['owner']],
              ['/tagged', ['xattrs']],
            ];
      expect(diff.modified.map(({ path, changes }) => [path, changes])).toEqual(expected);
      await same(cli, 'main', { dir }, { xattrs: false }, '--no-xattrs');
      await same(cli, { dir }, 'main', { xattrs: false }, '--no-xattrs');
      await same(cli, 'main', 'later', { xattrs: false }, '--no-xattrs');
      await same(cli, 'main', 'later');
      await same(cli, 'main', { dir }, { owner: { uid: 0, gid: 0 } }, '--owner-uid=0', '--owner-gid=0');
      await same(cli, 'main', { dir }, { owner: { uid: 7 } }, '--owner-uid=7');
      await same(cli, { dir }, { dir }, { owner: { gid: 7 } }, '--owner-gid=7');
    },
  );

  it('are not compared where the repository stores none', async () => {
    const { cli, dir } = await sample('archive');
    await cli.ostree('config', 'set', 'core.disable-xattrs', 'true');
    await same(cli, 'later', { dir });
    await same(cli, { dir }, { dir: `${dir}/` });
  });

  it('are those of the repository too, in a hard-linked checkout', async () => {
    const { cli } = await sample('bare-user');
    const checkout = join(await temporaryDirectory(), 'checkout');
    await cli.ostree('checkout', '-U', 'main', checkout);
    expect((await same(cli, 'main', { dir: checkout })).modified).not.toEqual([]);
    await same(cli, 'main', { dir: checkout }, { xattrs: false }, '--no-xattrs');
  });
});

describe('what is compared', () => {
  it('may be a device, a pipe, or a link to the directory', async () => {
    const cli = await cliRepo();
    const [from, to] = [await temporaryDirectory(), await temporaryDirectory()];
    await execa('mkfifo', [join(from, 'same'), join(to, 'same'), join(from, 'was'), join(to, 'became')]);
    await writeFile(join(from, 'became'), '');
    const link = `${to}-link`;
    await symlink(to, link);
    const diff = await same(cli, { dir: from }, { dir: link });
    await rm(link);
    expect(diff.removed).toMatchObject([{ path: '/was', type: 'other', size: 0 }]);
    expect(diff.modified).toMatchObject([{ path: '/became', type: 'other', changes: ['type'] }]);
  });

  it('may have names and targets that are not UTF-8', async () => {
    const cli = await cliRepo();
    const [from, to] = [await temporaryDirectory(), await temporaryDirectory()];
    const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));
    await writeFile(bytes(to, '/n', [0xff]), '1');
    await symlink(bytes('a', [0xfe]), join(from, 'link'));
    await symlink(bytes('a', [0xfd]), join(to, 'link'));
    await using repo = await Repo.open(cli.path);
    const diff = await repo.diff({ dir: from }, { dir: to });
    expect(diff.added).toMatchObject([{ path: '/n\\xff' }]);
    expect(diff.modified).toMatchObject([
      { path: '/link', changes: ['target'], from: { target: 'a\\xfe' }, to: { target: 'a\\xfd' } },
    ]);
    expect((await repo.diff({ dir: to }, { dir: to })).modified).toEqual([]);
  });

  it('is nothing of a subtree that is the same', async () => {
    const cli = await cliRepo();
    await cli.commit('one', { 'same/file': '1', other: '1' });
    await cli.commit('two', { 'same/file': '1', other: '2' });
    const [dirtree = ''] = await checksumsAt(cli.path, 'one', '/same');
    await rm(objectFile(cli.path, dirtree, 'dirtree'));
    await using repo = await Repo.open(cli.path);
    expect(lines(await repo.diff('one', 'two'))).toEqual(['M /other']);
  });

  it('sees what a transaction has written', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    const dir = await temporaryDirectory();
    await writeTree(dir, { a: '2', b: '3' });
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      const { checksum } = await txn.commit({ tree: dir });
      expect(lines(await txn.repo.diff('main', checksum))).toEqual(['A /b', 'M /a']);
    });
  });
});

describe('stats', () => {
  it('are those of the command', async () => {
    const cli = await cliRepo('bare-user');
    const dirs = await versions();
    await commits(cli, dirs);
    await using repo = await Repo.open(cli.path);
    const { stats } = await repo.diff('before', 'after', { stats: true });
    const output = await cli.ostree('diff', '--stats', 'before', 'after');
    const counts = /\[A\] Object Count: (\d+)\n\[B\] Object Count: (\d+)\nCommon Object Count: (\d+)/.exec(
      output,
    );
    expect([stats?.fromObjects, stats?.toObjects, stats?.commonObjects]).toEqual(
      counts?.slice(1).map((count) => Number(count)),
    );
    expect(stats?.commonSize).toBeGreaterThan(300_000);
    // Between the number and the unit is a no-break space.
    const [, size] = /Common Object Size: ([\d.]+)\skB/.exec(output) ?? [];
    expect(((stats?.commonSize ?? 0) / 1000).toFixed(1)).toBe(size);
    expect(await repo.diff('before', 'after')).not.toHaveProperty('stats');
  });
});

describe('large differences', () => {
  it('neither hold the event loop up, nor outlive an abort', async () => {
    const cli = await cliRepo('bare-user-only');
    const contents = await forgeFile(cli.path, {});
    await rename(objectFile(cli.path, contents, 'filez'), objectFile(cli.path, contents, 'file'));
    await truncate(objectFile(cli.path, contents, 'file'), 0);
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const files = Array.from({ length: 500 }, (_, i): [string, string] => [
      `file-${String(i).padStart(3, '0')}`,
      contents,
    ]);
    const full = await forgeTree(cli.path, { files });
    const directories = Array.from({ length: 100 }, (_, i): [string, string, string] => [
      `dir-${String(i).padStart(2, '0')}`,
      full,
      meta,
    ]);
    await forgeCommit(cli.path, 'empty', { contents: await forgeTree(cli.path, {}) });
    await forgeCommit(cli.path, 'full', { contents: await forgeTree(cli.path, { directories }) });
    await using repo = await Repo.open(cli.path);
    const { turns, result } = await countTurns(() => repo.diff('empty', 'full'));
    expect(result.added).toHaveLength(50_100);
    expect(turns).toBeGreaterThan(190); // they come 256 at a time
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = repo.diff('empty', 'full', { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(running).rejects.toBe(reason);
  });
});

describe('damaged commits', () => {
  it('are CORRUPT: directories that contain themselves', async () => {
    const cli = await cliRepo();
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
    await forgeTree(cli.path, { directories: [['d', two, meta]] }, one);
    await forgeTree(cli.path, { directories: [['d', one, meta]] }, two);
    await forgeCommit(cli.path, 'one', { contents: one });
    await forgeCommit(cli.path, 'two', { contents: two });
    await forgeCommit(cli.path, 'empty', { contents: await forgeTree(cli.path, {}) });
    await using repo = await Repo.open(cli.path);
    for (const [from, to] of [
      ['one', 'two'],
      ['empty', 'one'],
    ] as const) {
      await expect(repo.diff(from, to)).rejects.toMatchObject({
        code: 'CORRUPT',
        message: /contains itself/,
        path: expect.stringContaining('/d'),
      });
    }
  });

  it('are TOO_LARGE: trees whose paths multiply without end', async () => {
    const cli = await cliRepo();
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    let contents = await forgeTree(cli.path, {});
    await forgeCommit(cli.path, 'empty', { contents });
    for (let level = 0; level < 40; level++) {
      contents = await forgeTree(cli.path, {
        directories: [
          ['a'.repeat(200), contents, meta],
          ['b'.repeat(200), contents, meta],
        ],
      });
    }
    await forgeCommit(cli.path, 'bomb', { contents });
    await using repo = await Repo.open(cli.path);
    await expect(repo.diff('empty', 'bomb')).rejects.toMatchObject({ code: 'TOO_LARGE', path: /^\/[ab/]+$/ });
  });

  it('are CORRUPT or NOT_FOUND: objects that are damaged or missing', async () => {
    const cli = await cliRepo();
    await cli.commit('one', { 'dir/file': 'abc' });
    await cli.commit('two', { 'dir/file': 'abd' });
    await using repo = await Repo.open(cli.path);
    const [file = ''] = await checksumsAt(cli.path, 'two', '/dir/file');
    await truncate(objectFile(cli.path, file, 'filez'), 10);
    await expect(repo.diff('one', 'two')).rejects.toMatchObject({
      code: 'CORRUPT',
      checksum: file,
      path: '/dir/file',
    });
    await rm(objectFile(cli.path, file, 'filez'));
    await expect(repo.diff('one', 'two')).rejects.toMatchObject({ code: 'NOT_FOUND', checksum: file });
    const [dirtree = ''] = await checksumsAt(cli.path, 'two', '/dir');
    await truncate(objectFile(cli.path, dirtree, 'dirtree'), 10);
    await expect(repo.diff('one', 'two')).rejects.toMatchObject({
      code: 'CORRUPT',
      checksum: dirtree,
      path: '/dir',
    });
    await expect(repo.diff('one', 'two', { stats: true })).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

describe('bad arguments', () => {
  it('are refused', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    const repo = await Repo.open(cli.path);
    const dir = await temporaryDirectory();
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    for (const bad of [undefined, null, 5, {}, { dir: 5 }, { rev: 'main' }, []] as never[]) {
      await expect(repo.diff(bad, 'main')).rejects.toMatchObject(type);
      await expect(repo.diff('main', bad)).rejects.toMatchObject(type);
    }
    await expect(repo.diff('', 'main')).rejects.toMatchObject(value);
    await expect(repo.diff('main', { dir: 'a\0b' })).rejects.toMatchObject(value);
    await expect(repo.diff('main', { dir }, { stats: true })).rejects.toMatchObject(value);
    await expect(repo.diff({ dir }, 'main', { owner: { uid: 0 } })).rejects.toMatchObject(value);
    await expect(repo.diff('main', { dir }, { owner: { uid: -1 } })).rejects.toMatchObject(value);
    await expect(repo.diff('main', { dir }, { owner: 5 as never })).rejects.toMatchObject(type);
    await expect(repo.diff('main', 'main', { xattrs: 'no' as never })).rejects.toMatchObject(type);
    await expect(repo.diff('main', 'main', 5 as never)).rejects.toMatchObject(type);
    await expect(repo.diff('main', 'gone')).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'gone' });
    await expect(repo.diff('main', { dir: '/nowhere' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.diff({ dir: '/etc/passwd' }, 'main')).rejects.toMatchObject({ code: 'NOT_DIRECTORY' });
    await expect(repo.diff('main', 'main', { signal: AbortSignal.abort('why') })).rejects.toBe('why');
    await repo.close();
    await expect(repo.diff('main', 'main')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
