import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import { checksumFile, type ObjectName, Repo, type RepoMode, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { DIRMETA, forge, forgeCommit, forgeFile, forgeTree } from '../support/forge.js';
import { checksumsAt, copyRepo, objectFile, setXattr } from '../support/objects.js';
import { type CliRepo, cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';
import { isRoot, needsRoot } from '../support/trees.js';
import { countTurns } from '../support/turns.js';

const MODES: RepoMode[] = ['archive', 'bare', 'bare-user', 'bare-user-only'];
const NONE: ObjectName = { type: 'file', checksum: 'f'.repeat(64) };

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const print = (names: ObjectName[]) => names.map(({ type, checksum }) => `${checksum}.${type}`).sort();

/** What lies in objects/, as names of objects. */
async function onDisk(repo: string): Promise<string[]> {
  const entries = await readdir(join(repo, 'objects'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => `${entry.parentPath.slice(-2)}${entry.name.replace(/filez$/, 'file')}`)
    .sort();
}

async function sampleRepo(mode: RepoMode = 'archive'): Promise<{ cli: CliRepo; commit: string }> {
  const cli = await cliRepo(mode);
  const dir = await temporaryDirectory();
  await writeTree(dir, { file: 'content', 'dir/a': '', 'dir/sub/b': 'b', large: 'x'.repeat(700_000) });
  await chmod(join(dir, 'file'), 0o750);
  await mkdir(join(dir, 'empty'));
  await symlink('dir/a', join(dir, 'link'));
  const commit = await cli.ostree('commit', '--branch=main', `--tree=dir=${dir}`);
  return { cli, commit };
}

describe.each(MODES)('objects in mode %s', (mode) => {
  it('are listed, all of them', async () => {
    const { cli } = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    await repo.setDetachedMetadata('main', { a: 'b' });
    const names = await gather(repo.objects());
    expect(print(names)).toEqual(await onDisk(cli.path));
    expect(names.map(({ checksum }) => checksum)).toEqual(names.map(({ checksum }) => checksum).sort());
    expect(new Set(names.map(({ type }) => type))).toEqual(
      new Set(['file', 'dirtree', 'dirmeta', 'commit', 'commitmeta']),
    );
  });

  it('are there or not, and have a size', async () => {
    const { cli, commit } = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    for await (const name of repo.objects()) expect(await repo.hasObject(name)).toBe(true);
    expect(await repo.hasObject(NONE)).toBe(false);
    expect(await repo.hasObject({ type: 'dirtree', checksum: commit })).toBe(false);
    const file = objectFile(cli.path, commit, 'commit');
    expect(await repo.objectSize({ type: 'commit', checksum: commit })).toBe((await stat(file)).size);
    await expect(repo.objectSize(NONE)).rejects.toMatchObject({ code: 'NOT_FOUND', checksum: NONE.checksum });
  });

  it('are read', async () => {
    const { cli, commit } = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    const [file = ''] = await checksumsAt(cli.path, 'main', '/file');
    expect(await repo.readObject({ type: 'file', checksum: file })).toEqual({
      type: 'file',
      checksum: file,
      mode: 0o100750,
      uid: 0,
      gid: 0,
      xattrs: {},
      content: Buffer.from('content'),
    });
    const [link = ''] = await checksumsAt(cli.path, 'main', '/link');
    expect(await repo.readObject({ type: 'file', checksum: link })).toMatchObject({
      mode: 0o120777,
      target: 'dir/a',
      content: null,
    });
    const [large = ''] = await checksumsAt(cli.path, 'main', '/large');
    const read = await repo.readObject({ type: 'file', checksum: large });
    expect('content' in read && read.content?.equals(Buffer.alloc(700_000, 'x'))).toBe(true);

    const [contentsChecksum = '', metadataChecksum = ''] = await checksumsAt(cli.path, 'main', '/dir');
    const [a] = await checksumsAt(cli.path, 'main', '/dir/a');
    const [sub, subMeta] = await checksumsAt(cli.path, 'main', '/dir/sub');
    expect(await repo.readObject({ type: 'dirtree', checksum: contentsChecksum })).toEqual({
      type: 'dirtree',
      checksum: contentsChecksum,
      data: await readFile(objectFile(cli.path, contentsChecksum, 'dirtree')),
      files: [{ name: 'a', checksum: a }],
      directories: [{ name: 'sub', contentsChecksum: sub, metadataChecksum: subMeta }],
    });
    expect(await repo.readObject({ type: 'dirmeta', checksum: metadataChecksum })).toEqual({
      type: 'dirmeta',
      checksum: metadataChecksum,
      data: await readFile(objectFile(cli.path, metadataChecksum, 'dirmeta')),
      mode: 0o40755,
      uid: 0,
      gid: 0,
      xattrs: {},
    });
    const object = await repo.readObject({ type: 'commit', checksum: commit });
    expect(object).toMatchObject({ type: 'commit', commit: { checksum: commit, state: 'normal' } });
    expect(JSON.stringify(object)).toContain(commit);
    await repo.setDetachedMetadata('main', { a: 'b' });
    const detached = await repo.readObject({ type: 'commitmeta', checksum: commit });
    expect(detached).toMatchObject({ type: 'commitmeta', metadata: { a: 'b' } });
    expect('data' in detached && Variant.fromBytes('a{sv}', detached.data).value).toEqual({ a: 'b' });
  });

  it('are found by what they belong to', async () => {
    const { cli, commit } = await sampleRepo(mode);
    await cli.commit('main', { 'dir/a': '', file: 'new' });
    await using repo = await Repo.open(cli.path);
    const first = print(await gather(repo.reachable(commit)));
    const both = print(await gather(repo.reachable('main', { depth: 1 })));
    expect(both).toEqual(await onDisk(cli.path));
    expect(print(await gather(repo.reachable('main', { depth: Infinity })))).toEqual(both);
    const output = await cli.ostree('diff', '--stats', commit, 'main');
    const counts = [/\[A\] Object Count: (\d+)/, /\[B\] Object Count: (\d+)/].map((count) =>
      Number(count.exec(output)?.[1]),
    );
    expect([first.length, (await gather(repo.reachable('main'))).length]).toEqual(counts);
  });
});

describe('readObject', () => {
  it.skipIf(needsRoot)(`gives extended attributes${needsRoot}`, async () => {
    const cli = await cliRepo('bare');
    const dir = await temporaryDirectory();
    await writeTree(dir, { 'dir/file': '1' });
    await setXattr(join(dir, 'dir'), 'user.dir', Buffer.from('one'));
    await setXattr(join(dir, 'dir/file'), 'user.file', Buffer.from([0, 255]));
    await cli.ostree('commit', '--branch=main', `--tree=dir=${dir}`);
    await using repo = await Repo.open(cli.path);
    const [file = ''] = await checksumsAt(cli.path, 'main', '/dir/file');
    const [, meta = ''] = await checksumsAt(cli.path, 'main', '/dir');
    expect(await repo.readObject({ type: 'file', checksum: file })).toMatchObject({
      xattrs: { 'user.file': Buffer.from([0, 255]) },
    });
    expect(await repo.readObject({ type: 'dirmeta', checksum: meta })).toMatchObject({
      xattrs: { 'user.dir': Buffer.from('one') },
    });
  });

  it('rejects with TOO_LARGE beyond maxSize', async () => {
    const { cli } = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/file');
    const name: ObjectName = { type: 'file', checksum };
    await expect(repo.readObject(name, { maxSize: 6 })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      checksum,
    });
    expect(await repo.readObject(name, { maxSize: 7 })).toMatchObject({ content: Buffer.from('content') });
  });

  it.each(MODES)('rejects with CORRUPT what is damaged, in mode %s', async (mode) => {
    const { cli, commit } = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    const names = (await gather(repo.objects())).filter(({ type }) => type !== 'commitmeta');
    for (const { type, checksum } of names) {
      const path = objectFile(cli.path, checksum, type === 'file' && mode === 'archive' ? 'filez' : type);
      const info = await stat(path).catch(() => undefined); // a link in bare mode may lead nowhere
      if (!info || info.size < 3) continue;
      await truncate(path, info.size - 2);
      await expect(repo.readObject({ type, checksum }), path).rejects.toMatchObject({
        code: 'CORRUPT',
        checksum,
        details: { objects: [{ type, checksum }] },
      });
    }
    await expect(repo.readObject({ type: 'commitmeta', checksum: commit })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('reads what does not have its checksum, if asked to', async () => {
    const cli = await cliRepo();
    const name: ObjectName = { type: 'file', checksum: await forgeFile(cli.path, {}, '1'.repeat(64)) };
    const meta: ObjectName = {
      type: 'dirmeta',
      checksum: await forge(cli.path, 'dirmeta', DIRMETA, '2'.repeat(64)),
    };
    await using repo = await Repo.open(cli.path);
    for (const bad of [name, meta]) {
      await expect(repo.readObject(bad)).rejects.toMatchObject({ code: 'CORRUPT', checksum: bad.checksum });
      expect(await repo.readObject(bad, { verify: false })).toMatchObject(bad);
    }
    await expect(repo.readObject(NONE)).rejects.toMatchObject({ code: 'NOT_FOUND', checksum: NONE.checksum });
  });

  it('reads damaged metadata of a commit as CORRUPT', async () => {
    const cli = await cliRepo();
    const checksum = await cli.commit('main', { a: '1' });
    await writeFile(objectFile(cli.path, checksum, 'commitmeta'), Buffer.from([1, 2, 3, 255]));
    await using repo = await Repo.open(cli.path);
    await expect(repo.readObject({ type: 'commitmeta', checksum })).rejects.toMatchObject({
      code: 'CORRUPT',
      checksum,
    });
  });
});

describe('reachable', () => {
  it('leaves out what a partial commit lacks, and rejects where another lacks it', async () => {
    const { cli, commit } = await sampleRepo();
    const [dirtree = ''] = await checksumsAt(cli.path, 'main', '/dir');
    const before = print(await readAll(cli.path));
    await rm(objectFile(cli.path, dirtree, 'dirtree'));
    await using repo = await Repo.open(cli.path);
    await expect(gather(repo.reachable('main'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      checksum: dirtree,
      ref: 'main',
    });
    await repo.markPartial('main', true);
    const found = print(await gather(repo.reachable('main')));
    expect(found).toContain(`${dirtree}.dirtree`);
    expect(found.length).toBeLessThan(before.length);
    expect(found).toContain(`${commit}.commit`);
  });

  it('ends where the history that is here ends', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '1' });
    await cli.commit('main', { a: '2' });
    await rm(objectFile(cli.path, first, 'commit'));
    await using repo = await Repo.open(cli.path);
    const commits = (await gather(repo.reachable('main', { depth: 5 }))).filter(
      ({ type }) => type === 'commit',
    );
    expect(commits).toHaveLength(1);
    await expect(gather(repo.reachable(first))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('rejects with CORRUPT what refers to itself, or is damaged', async () => {
    const cli = await cliRepo();
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const one = '1'.repeat(64);
    await forgeTree(cli.path, { directories: [['d', one, meta]] }, one);
    await forgeCommit(cli.path, 'loop', { contents: one });
    const own = '2'.repeat(64);
    const empty = await forgeTree(cli.path, {});
    await forgeCommit(cli.path, 'own-parent', { contents: empty, parent: own, checksum: own });
    const cut = await forge(cli.path, 'dirtree', new Uint8Array([1, 2, 3]));
    await forgeCommit(cli.path, 'cut', { contents: cut });
    await using repo = await Repo.open(cli.path);
    for (const [ref, checksum] of [
      ['loop', one],
      ['own-parent', own],
      ['cut', cut],
    ] as const) {
      await expect(gather(repo.reachable(ref, { depth: Infinity })), ref).rejects.toMatchObject({
        code: 'CORRUPT',
        checksum,
        ref,
      });
    }
  });
});

const readAll = async (path: string) => {
  await using repo = await Repo.open(path);
  return await gather(repo.objects());
};

describe('objects', () => {
  it('are those of a parent repository, too, once', async () => {
    const parent = await cliRepo();
    const checksum = await parent.commit('main', { a: 'shared' });
    const child = await cliRepo('bare-user');
    await child.ostree('config', 'set', 'core.parent', parent.path);
    await child.commit('main', { a: 'shared', b: 'own' });
    await using repo = await Repo.open(child.path);
    const expected = new Set([...(await onDisk(parent.path)), ...(await onDisk(child.path))]);
    expect(print(await gather(repo.objects()))).toEqual([...expected].sort());
    const size = (await stat(objectFile(parent.path, checksum, 'commit'))).size;
    expect(await repo.objectSize({ type: 'commit', checksum })).toBe(size);
    await expect(repo.deleteObject({ type: 'commit', checksum })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('are listed without holding the event loop up, and until aborted', async () => {
    const cli = await cliRepo('bare-user-only');
    await mkdir(join(cli.path, 'objects/ab'), { recursive: true });
    for (let i = 0; i < 20_000; i++)
      await writeFile(objectFile(cli.path, `ab${String(i).padStart(62, '0')}`, 'file'), '');
    await writeFile(join(cli.path, 'objects/ab/stray.file'), '');
    await writeFile(join(cli.path, `objects/ab/${'x'.repeat(62)}.file`), '');
    await using repo = await Repo.open(cli.path);
    const { turns, result } = await countTurns(() => gather(repo.objects()));
    expect(result).toHaveLength(20_000);
    expect(turns).toBeGreaterThan(70); // they come 256 at a time
    const controller = new AbortController();
    const reason = new Error('enough');
    await expect(async () => {
      for await (const _ of repo.objects({ signal: controller.signal })) controller.abort(reason);
    }).rejects.toBe(reason);
    await expect(gather(repo.reachable('main', { signal: controller.signal }))).rejects.toBe(reason);
  });
});

describe('deleteObject', () => {
  it('deletes one, and of a commit its metadata', async () => {
    const { cli, commit } = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    await repo.setDetachedMetadata('main', { a: 'b' });
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/file');
    await repo.deleteObject({ type: 'file', checksum });
    expect(await repo.hasObject({ type: 'file', checksum })).toBe(false);
    await expect(repo.deleteObject({ type: 'file', checksum })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      checksum,
    });
    await repo.deleteObject({ type: 'commit', checksum: commit });
    await expect(access(objectFile(cli.path, commit, 'commitmeta'))).rejects.toThrow('ENOENT');
    await expect(repo.deleteObject({ type: 'commit', checksum: commit })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('leaves a tombstone where the repository wants one', async () => {
    const { cli, commit } = await sampleRepo();
    await cli.ostree('config', 'set', 'core.tombstone-commits', 'true');
    await using repo = await Repo.open(cli.path);
    await repo.deleteObject({ type: 'commit', checksum: commit });
    expect(await repo.readObject({ type: 'tombstone-commit', checksum: commit })).toMatchObject({
      metadata: { commit: new Uint8Array(Buffer.from(`${commit}\0`)) },
    });
  });

  it('waits until nobody writes, and rejects LOCKED within a transaction of its own', async () => {
    const { cli } = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      await expect(repo.deleteObject(NONE)).rejects.toMatchObject({ code: 'LOCKED' });
      await expect(txn.repo.deleteObject(NONE)).rejects.toMatchObject({ code: 'LOCKED' });
    });
  });
});

describe('markPartial', () => {
  it('marks a commit, and takes the mark away', async () => {
    const { cli, commit } = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    const state = async () => (await repo.readCommit('main')).state;
    await repo.markPartial('main', true);
    expect(await state()).toBe('partial');
    await repo.markPartial(commit, false);
    expect(await state()).toBe('normal');
    await repo.markPartial('main', false);
    await repo.markPartial('main', true, 'fsck');
    expect(await state()).toBe('fsck-partial');
    await expect(repo.markPartial('f'.repeat(64), true)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.markPartial('gone', true)).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'gone' });
  });
});

describe('checksumFile', () => {
  it('is what the command prints', async () => {
    const dir = await temporaryDirectory();
    await writeTree(dir, { empty: '', file: 'content', large: 'x'.repeat(700_000), 'dir/a': '' });
    await chmod(join(dir, 'file'), 0o4711);
    await symlink('nowhere', join(dir, 'link'));
    if (isRoot) await setXattr(join(dir, 'file'), 'user.tag', Buffer.from('x'));
    for (const name of ['empty', 'file', 'large', 'dir', 'link']) {
      const path = join(dir, name);
      expect(await checksumFile(path), name).toBe(await ostree('checksum', path));
      expect(await checksumFile(path, { xattrs: false }), name).toBe(
        await ostree('checksum', '--ignore-xattrs', path),
      );
    }
  });

  it('is the name of a metadata object', async () => {
    const { cli, commit } = await sampleRepo();
    const path = objectFile(cli.path, commit, 'commit');
    expect(await checksumFile(path, { type: 'commit' })).toBe(commit);
    expect(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ).toBe(commit);
    await expect(checksumFile(cli.path, { type: 'commit' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      path: cli.path,
    });
  });

  it('fails', async () => {
    const dir = await temporaryDirectory();
    await symlink(Buffer.from([0xff]), join(dir, 'link'));
    await expect(checksumFile(join(dir, 'link'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(checksumFile(join(dir, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(checksumFile(join(dir, 'none'), { signal: AbortSignal.abort('why') })).rejects.toBe('why');
    await expect(checksumFile('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(checksumFile('a', { type: 'x' as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(checksumFile('a', { xattrs: 1 as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});

describe('bad arguments', () => {
  it('are refused', async () => {
    const { cli, commit } = await sampleRepo();
    const repo = await Repo.open(await copyRepo(cli.path));
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    for (const method of ['hasObject', 'objectSize', 'readObject', 'deleteObject'] as const) {
      await expect(repo[method](undefined as never)).rejects.toMatchObject(type);
      await expect(repo[method]({ type: 'x' as never, checksum: commit })).rejects.toMatchObject(value);
      await expect(repo[method]({ type: 'commit', checksum: '../../config' })).rejects.toMatchObject(value);
      await expect(repo[method]({ type: 'commit', checksum: commit }, 5 as never)).rejects.toMatchObject(
        type,
      );
    }
    await expect(repo.readObject({ type: 'payload-link', checksum: commit })).rejects.toMatchObject(value);
    await expect(repo.readObject(NONE, { maxSize: -1 })).rejects.toMatchObject(value);
    await expect(repo.readObject(NONE, { verify: 1 as never })).rejects.toMatchObject(type);
    expect(() => repo.reachable('main', { depth: -2 })).toThrow(expect.objectContaining(value));
    expect(() => repo.reachable(5 as never)).toThrow(expect.objectContaining(type));
    expect(() => repo.objects(5 as never)).toThrow(expect.objectContaining(type));
    await expect(repo.markPartial('main', 1 as never)).rejects.toMatchObject(type);
    await expect(repo.markPartial('main', true, 'why' as never)).rejects.toMatchObject(value);
    await repo.close();
    await expect(repo.objects().next()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(repo.reachable('main').next()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(repo.hasObject(NONE)).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
