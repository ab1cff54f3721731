import { chmod, lchown, link, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Entry, Repo, type RepoMode } from 'ostree';
import { describe, expect, it } from 'vitest';

import { copyRepo, objectFile, setXattr } from '../support/objects.js';
import { type CliRepo, cliRepo, temporaryDirectory } from '../support/repo.js';

const MODES: RepoMode[] = ['archive', 'bare', 'bare-user', 'bare-user-only'];

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A repository with a tree in which all kinds of entries and links are. */
async function sampleRepo(mode: RepoMode = 'archive'): Promise<CliRepo> {
  const cli = await cliRepo(mode);
  const tree = await temporaryDirectory();
  await mkdir(join(tree, 'usr/lib/deep'), { recursive: true });
  await mkdir(join(tree, 'empty'));
  await writeFile(join(tree, 'usr/lib/deep/file'), 'deep');
  await writeFile(join(tree, 'usr/tool'), '#!/bin/sh\n');
  await chmod(join(tree, 'usr/tool'), 0o755);
  await writeFile(join(tree, 'nothing'), '');
  await writeFile(join(tree, 'größe 猫'), 'unicode');
  await symlink('usr/lib', join(tree, 'lib'));
  await symlink('/usr/lib/deep', join(tree, 'usr/absolute'));
  await symlink('../../../../../../usr/tool', join(tree, 'usr/lib/up'));
  await symlink('missing', join(tree, 'dangling'));
  await symlink('loop-b', join(tree, 'loop-a'));
  await symlink('loop-a', join(tree, 'loop-b'));
  await symlink('usr/tool/', join(tree, 'slash'));
  await link(join(tree, 'usr/tool'), join(tree, 'usr/same'));
  if (mode === 'bare') await lchown(join(tree, 'usr/tool'), 12, 34);
  await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
  return cli;
}

describe.each(MODES)('stat, lstat, readdir in mode %s', (mode) => {
  it('tells of files, directories and symlinks', async () => {
    const cli = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    const owner = mode === 'bare' ? { uid: 12, gid: 34 } : { uid: 0, gid: 0 };
    const tool = await repo.stat('main', '/usr/tool');
    expect(tool).toEqual({
      path: '/usr/tool',
      name: 'tool',
      type: 'file',
      mode: 0o100755,
      ...owner,
      size: 10,
      checksum: tool.checksum,
    });
    expect(await repo.stat('main', 'usr//./lib/../tool')).toEqual(tool);
    const lib = await repo.lstat('main', '/lib');
    expect(lib).toMatchObject({ type: 'symlink', target: 'usr/lib', size: 7, path: '/lib', name: 'lib' });
    expect(lib.mode & 0o170000).toBe(0o120000);
    const directory = await repo.stat('main', '/lib');
    expect(directory).toMatchObject({
      type: 'directory',
      path: '/usr/lib',
      name: 'lib',
      mode: 0o40755,
      size: 0,
    });
    expect(directory.checksum).toBe(directory.contentsChecksum);
    expect(directory.metadataChecksum).toMatch(/^[0-9a-f]{64}$/);
    expect(await repo.lstat('main', '/lib/')).toEqual(directory);
    const root = await repo.stat('main', '/');
    const commit = await repo.readCommit('main');
    expect(root).toMatchObject({
      path: '/',
      name: '',
      contentsChecksum: commit.rootContents,
      metadataChecksum: commit.rootMetadata,
    });
    expect(await repo.readlink('main', '/dangling')).toBe('missing');
  });

  it('lists a directory, files before directories', async () => {
    const cli = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    const names = (entries: Entry[]) => entries.map((entry) => entry.name);
    expect(names(await repo.readdir('main', '/'))).toEqual([
      'dangling',
      'größe 猫',
      'lib',
      'loop-a',
      'loop-b',
      'nothing',
      'slash',
      'empty',
      'usr',
    ]);
    expect((await repo.readdir('main', '/lib')).map((entry) => entry.path)).toEqual([
      '/usr/lib/up',
      '/usr/lib/deep',
    ]);
    expect(await repo.readdir('main', 'empty')).toEqual([]);
  });

  it('reads files', async () => {
    const cli = await sampleRepo(mode);
    await using repo = await Repo.open(cli.path);
    expect(await repo.readFile('main', '/usr/tool')).toEqual(Buffer.from('#!/bin/sh\n'));
    expect(await repo.readFile('main', '/größe 猫', 'utf8')).toBe('unicode');
    expect(await repo.readFile('main', '/nothing')).toEqual(Buffer.alloc(0));
    expect(await repo.readFile('main', '/lib/deep/file', { encoding: 'hex' })).toBe('64656570');
  });
});

describe('paths', () => {
  it('follow symlinks inside the tree, and never out of it', async () => {
    const cli = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    expect((await repo.stat('main', '/usr/absolute/file')).path).toBe('/usr/lib/deep/file');
    expect((await repo.stat('main', '/lib/up')).path).toBe('/usr/tool');
    expect((await repo.stat('main', '../../../../usr/tool')).path).toBe('/usr/tool');
    expect((await repo.stat('main', '/usr/absolute/..')).path).toBe('/usr/lib');
    expect((await repo.stat('main', '/usr/absolute/../..')).path).toBe('/usr');
  });

  it.each([
    ['/none', 'NOT_FOUND'],
    ['/none/..', 'NOT_FOUND'],
    ['/dangling', 'NOT_FOUND'],
    ['/usr/none/file', 'NOT_FOUND'],
    ['/usr/tool/x', 'NOT_DIRECTORY'],
    ['/usr/tool/', 'NOT_DIRECTORY'],
    ['/usr/tool/..', 'NOT_DIRECTORY'],
    ['/slash', 'NOT_DIRECTORY'],
    ['/loop-a', 'FAILED'],
    ['/loop-a/x', 'FAILED'],
  ])('that lead nowhere reject: %s with %s', async (path, code) => {
    const cli = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.stat('main', path)).rejects.toMatchObject({ code, path, ref: 'main' });
    await expect(repo.readFile('main', path)).rejects.toMatchObject({ code, path, ref: 'main' });
    await expect(repo.readdir('main', path)).rejects.toMatchObject({ code, path, ref: 'main' });
    await expect(gather(repo.walk('main', path))).rejects.toMatchObject({ code, path, ref: 'main' });
  });

  it('may have 40 links on the way, not 41', async () => {
    const cli = await cliRepo();
    const tree = await temporaryDirectory();
    await writeFile(join(tree, 'link-0'), 'end');
    for (let i = 1; i <= 41; i++) await symlink(`link-${i - 1}`, join(tree, `link-${i}`));
    await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
    await using repo = await Repo.open(cli.path);
    expect(await repo.readFile('main', 'link-40', 'utf8')).toBe('end');
    await expect(repo.readFile('main', 'link-41')).rejects.toThrow('Too many levels of symbolic links');
  });

  it('that are of the wrong type reject', async () => {
    const cli = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.readFile('main', '/usr')).rejects.toMatchObject({
      code: 'IS_DIRECTORY',
      path: '/usr',
      ref: 'main',
    });
    await expect(repo.readFile('main', '/lib')).rejects.toMatchObject({ code: 'IS_DIRECTORY' });
    await expect(repo.readdir('main', '/usr/tool')).rejects.toMatchObject({
      code: 'NOT_DIRECTORY',
      path: '/usr/tool',
    });
    await expect(repo.readlink('main', '/usr/tool')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      path: '/usr/tool',
    });
    await expect(repo.readlink('main', '/usr')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('walk', () => {
  it('goes depth first, and begins with the start itself', async () => {
    const cli = await sampleRepo();
    await using repo = await Repo.open(cli.path);
    expect((await gather(repo.walk('main', '/usr'))).map((entry) => entry.path)).toEqual([
      '/usr',
      '/usr/absolute',
      '/usr/same',
      '/usr/tool',
      '/usr/lib',
      '/usr/lib/up',
      '/usr/lib/deep',
      '/usr/lib/deep/file',
    ]);
    expect((await gather(repo.walk('main', '/usr/tool'))).map((entry) => entry.path)).toEqual(['/usr/tool']);
    const all = await gather(repo.walk('main'));
    expect(all[0]?.path).toBe('/');
    for (const entry of all) expect(await repo.lstat('main', entry.path)).toEqual(entry);
  });

  it('comes in batches that neither lose nor repeat anything', async () => {
    const cli = await cliRepo();
    const files = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`d${i % 7}/f${i}`, String(i)]));
    await cli.commit('main', files);
    await using repo = await Repo.open(cli.path);
    const paths = (await gather(repo.walk('main')))
      .filter((entry) => entry.type === 'file')
      .map((entry) => entry.path.slice(1));
    expect(paths.sort()).toEqual(Object.keys(files).sort());
    expect((await repo.readdir('main', 'd0')).length).toBe(100);
  });

  it('does not keep a prune waiting between its batches', async () => {
    const cli = await cliRepo();
    await cli.commit('main', Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`f${i}`, String(i)])));
    await using repo = await Repo.open(cli.path);
    const walk = repo.walk('main');
    await walk.next();
    await using lock = await repo.lock('exclusive', { timeout: 1000 });
    await lock.release();
    expect((await gather(walk)).length).toBe(600);
  });

  it('delivers what comes before a missing object, then rejects naming it', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1', b: '2', c: '3' });
    const path = await copyRepo(cli.path);
    await using repo = await Repo.open(path);
    const { checksum } = await repo.stat('main', 'b');
    await rm(objectFile(path, checksum, 'filez'));
    const seen: string[] = [];
    const walking = (async () => {
      for await (const entry of repo.walk('main')) seen.push(entry.path);
    })();
    await expect(walking).rejects.toMatchObject({ code: 'NOT_FOUND', checksum, ref: 'main', path: '/' });
    expect(seen).toEqual(['/', '/a']);
  });

  it('ends on abort and on close', async () => {
    const cli = await sampleRepo();
    const repo = await Repo.open(cli.path);
    const controller = new AbortController();
    const walk = repo.walk('main', '/', { signal: controller.signal });
    await walk.next();
    controller.abort(new Error('enough'));
    await expect(walk.next()).rejects.toThrow('enough');
    const other = repo.walk('main');
    await other.next();
    await repo.close();
    await expect(other.next()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(repo.walk('main').next()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('xattrs', () => {
  it.each(['archive', 'bare-user'] as const)(
    'of files, directories and symlinks, in mode %s',
    async (mode) => {
      const cli = await cliRepo(mode);
      const tree = await temporaryDirectory();
      await mkdir(join(tree, 'dir'));
      await writeFile(join(tree, 'file'), 'x');
      await symlink('file', join(tree, 'link'));
      await setXattr(join(tree, 'dir'), 'user.kind', Buffer.from('directory'));
      await setXattr(join(tree, 'file'), 'user.kind', Buffer.from([0, 255, 1]));
      await setXattr(join(tree, 'file'), 'user.__proto__', Buffer.from('own'));
      await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
      await using repo = await Repo.open(cli.path);
      expect(await repo.xattrs('main', 'file')).toEqual({
        'user.__proto__': Buffer.from('own'),
        'user.kind': Buffer.from([0, 255, 1]),
      });
      expect(await repo.xattrs('main', 'dir')).toEqual({ 'user.kind': Buffer.from('directory') });
      expect(await repo.xattrs('main', 'link')).toEqual(await repo.xattrs('main', 'file'));
      expect(await repo.xattrs('main', 'link', { followSymlinks: false })).toEqual({});
      await expect(repo.xattrs('main', 'none')).rejects.toMatchObject({ code: 'NOT_FOUND', path: 'none' });
    },
  );
});

describe('readFile', () => {
  it.each(['archive', 'bare-user'] as const)('reads a large file in pieces, in mode %s', async (mode) => {
    const cli = await cliRepo(mode);
    const content = Buffer.alloc(5 * 1024 * 1024 + 77);
    for (let i = 0; i < content.length; i += 4)
      content.writeUInt32LE((i * 2654435761) >>> 0, Math.min(i, content.length - 4));
    await cli.commit('main', {
      big: content,
      edge: content.subarray(0, 256 * 1024),
      over: content.subarray(0, 256 * 1024 + 1),
    });
    await using repo = await Repo.open(cli.path);
    for (const [path, size] of [
      ['big', content.length],
      ['edge', 256 * 1024],
      ['over', 256 * 1024 + 1],
    ] as const) {
      expect((await repo.readFile('main', path)).equals(content.subarray(0, size))).toBe(true);
    }
    const controller = new AbortController();
    const reading = repo.readFile('main', 'big', { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });

  it('of a large file is waited for by close()', async () => {
    const cli = await cliRepo();
    const size = 20 * 1024 * 1024;
    await cli.commit('main', { big: Buffer.alloc(size, 1) });
    const repo = await Repo.open(cli.path);
    const reading = repo.readFile('main', 'big');
    await repo.close();
    expect((await reading).length).toBe(size);
  });

  it('of a large file is cancelled by close(), before and after the file has been opened', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { big: Buffer.alloc(20 * 1024 * 1024, 1) });
    for (const late of [false, true]) {
      const repo = await Repo.open(cli.path);
      const reading = repo.readFile('main', 'big').then(
        () => 'read',
        (error: { code?: string }) => error.code,
      );
      // Without a turn of the event loop: what the thread has done by then is not known yet.
      if (late) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      await repo.close({ cancel: true });
      expect(await reading, late ? 'after' : 'before').toBe('CANCELLED');
    }
  });

  it('rejects with TOO_LARGE beyond maxSize', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '12345' });
    await using repo = await Repo.open(cli.path);
    await expect(repo.readFile('main', 'a', { maxSize: 4 })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      path: 'a',
      ref: 'main',
    });
    expect(await repo.readFile('main', 'a', { maxSize: 5, encoding: 'latin1' })).toBe('12345');
  });

  it('does not go on with a directory that was removed, or replaced, after it was read', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { 'dir/a': 'text' });
    await using repo = await Repo.open(cli.path);
    expect(await repo.readFile('main', 'dir/a', 'utf8')).toBe('text');
    const { contentsChecksum = '' } = await repo.stat('main', 'dir');
    const object = objectFile(cli.path, contentsChecksum, 'dirtree');
    const bytes = await readFile(object);
    await rm(object);
    await expect(repo.readFile('main', 'dir/a')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      checksum: contentsChecksum,
    });
    await writeFile(object, bytes.subarray(1));
    await expect(repo.readFile('main', 'dir/a')).rejects.toMatchObject({ code: 'CORRUPT' });
    await writeFile(object, bytes);
    expect(await repo.readFile('main', 'dir/a', 'utf8')).toBe('text');
  });

  it('reads objects of a parent repository, of another mode too', async () => {
    const parent = await cliRepo('archive');
    await parent.commit('main', { a: 'from the parent' });
    const child = await cliRepo('bare-user');
    await child.ostree('config', 'set', 'core.parent', parent.path);
    await using repo = await Repo.open(child.path);
    const checksum = await parent.ostree('rev-parse', 'main');
    expect(await repo.readFile(checksum, 'a', 'utf8')).toBe('from the parent');
    expect((await repo.readCommit(checksum)).checksum).toBe(checksum);
  });
});

describe('bad arguments', () => {
  it('are refused', async () => {
    const cli = await cliRepo();
    const repo = await Repo.open(cli.path);
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    for (const method of ['stat', 'lstat', 'readdir', 'readlink', 'xattrs', 'readFile'] as const) {
      await expect(repo[method]('main', '')).rejects.toMatchObject(value);
      await expect(repo[method]('main', 'a\0b')).rejects.toMatchObject(value);
      await expect(repo[method]('main', 'x'.repeat(65_537))).rejects.toMatchObject(value);
      await expect(repo[method]('main', 7 as never)).rejects.toMatchObject(type);
      await expect(repo[method](undefined as never, '/')).rejects.toMatchObject(type);
      await expect(repo[method]('main', '/', { signal: {} as never })).rejects.toMatchObject(type);
      await expect(repo[method]('main', '/', { signal: AbortSignal.abort('why') })).rejects.toBe('why');
    }
    expect(() => repo.walk('main', '')).toThrow(expect.objectContaining(value));
    expect(() => repo.walk('main', '/', 5 as never)).toThrow(expect.objectContaining(type));
    await expect(repo.readFile('main', '/', 'klingon' as never)).rejects.toMatchObject(value);
    await expect(repo.readFile('main', '/', { encoding: 5 as never })).rejects.toMatchObject(type);
    await expect(repo.readFile('main', '/', { maxSize: -1 })).rejects.toMatchObject(value);
    await expect(repo.readFile('main', '/', { maxSize: 1.5 })).rejects.toMatchObject(value);
    await expect(repo.xattrs('main', '/', { followSymlinks: 'no' as never })).rejects.toMatchObject(type);
    await repo.close();
    for (const method of ['stat', 'lstat', 'readdir', 'readlink', 'xattrs', 'readFile'] as const)
      await expect(repo[method]('main', '/')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
