import { createReadStream } from 'node:fs';
import {
  appendFile,
  link,
  mkdir,
  readFile,
  readdir,
  readlink,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { execa } from 'execa';
import { OstreeError, Repo, type TreeSource } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { objectFile } from '../support/objects.js';
import { cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';

/** A tar archive made by Python, which makes those that tar refuses to make. */
async function makeTar(members: object[], path: string, format = 'PAX_FORMAT'): Promise<void> {
  const script = `
import io, json, sys, tarfile
with tarfile.open(sys.argv[1], 'w', format=getattr(tarfile, sys.argv[2])) as tar:
    for member in json.load(sys.stdin):
        info = tarfile.TarInfo(member['name'])
        info.type = member.get('type', '0').encode()
        info.mode = member.get('mode', 0o755 if info.type == b'5' else 0o644)
        info.uid, info.gid = member.get('uid', 0), member.get('gid', 0)
        info.linkname = member.get('to', '')
        info.pax_headers = member.get('pax', {})
        data = member.get('data', '').encode()
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
`;
  await execa('python3', ['-c', script, path, format], { input: JSON.stringify(members) });
}

const ROOT = { name: './', type: '5' };

async function tarOf(members: object[], format?: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'x.tar');
  await makeTar(members, path, format);
  return path;
}

async function withTree(mode = 'bare-user') {
  const cli = await cliRepo(mode);
  const dir = join(await temporaryDirectory(), 'tree');
  await mkdir(dir);
  await writeTree(dir, { 'usr/bin/a': 'a', 'usr/é': randomBytes(2_000_000), 'usr/empty': '', 'etc/b': 'b' });
  await symlink('../bin/a', join(dir, 'usr/link'));
  await link(join(dir, 'usr/bin/a'), join(dir, 'usr/hard'));
  await mkdir(join(dir, 'x'.repeat(150)));
  const tar = join(dir, '..', 'x.tar');
  await execa('tar', ['-C', dir, '-cf', tar, '--format=gnu', '.']);
  const repo = await Repo.open(cli.path, { fsync: false });
  onTestFinished(() => repo.close());
  return { cli, repo, dir, tar };
}

/** The checksums of the root, which say all of a tree. */
async function roots(repo: string, rev: string): Promise<string> {
  return await ostree(`--repo=${repo}`, 'ls', '-d', '-C', rev, '/');
}

describe('exportTar', () => {
  it.each([
    ['all of it', {}, []],
    ['a directory', { subpath: '/usr/' }, ['--subpath=usr']],
    ['with a prefix', { prefix: 'os/' }, ['--prefix=os/']],
    ['without xattrs', { xattrs: false }, ['--no-xattrs']],
    ['of an archive', {}, [], 'archive'],
    ['of a bare-user-only repository', {}, [], 'bare-user-only'],
  ] as const)('writes what the command writes, byte for byte: %s', async (_what, options, args, mode?) => {
    const { cli, repo, tar } = await withTree(mode);
    await repo.commit({ tree: { tar }, branch: 'main' });
    const { stdout } = await execa('ostree', [`--repo=${cli.path}`, 'export', 'main', ...args], {
      encoding: 'buffer',
    });
    const ours = await buffer(repo.exportTar('main', options));
    expect(ours.length).toBe(stdout.length);
    expect(ours.equals(stdout)).toBe(true);
  });

  it('fails with a code, and holds nothing afterwards', async () => {
    const { cli, repo, tar } = await withTree();
    const { rootContents } = await repo.commit({ tree: { tar }, branch: 'main' });
    await expect(buffer(repo.exportTar('missing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(buffer(repo.exportTar('main', { subpath: 'no' }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/no',
    });
    await expect(buffer(repo.exportTar('main', { subpath: 'etc/b' }))).rejects.toMatchObject({
      path: '/etc/b',
    });
    await writeFile(objectFile(cli.path, rootContents, 'dirtree'), 'damaged');
    await expect(buffer(repo.exportTar('main'))).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(() => repo.exportTar('main', { subpath: '../x' })).toThrow(rangeError('subpath'));
    expect(() => repo.exportTar('main', { xattrs: 1 as never })).toThrow(typeError('xattrs'));
    expect(() => repo.exportTar(3 as never)).toThrow(typeError('rev'));
  });

  it('exports deep trees, and refuses those too deep for the stack', async () => {
    const { cli, repo } = await withTree();
    const deep = (levels: number) => tarOf([{ name: `${'d/'.repeat(levels)}f`, data: 'f' }]);
    await repo.commit({ tree: { tar: await deep(500), autocreateParents: true }, branch: 'deep' });
    const { stdout } = await execa('ostree', [`--repo=${cli.path}`, 'export', 'deep'], {
      encoding: 'buffer',
    });
    expect((await buffer(repo.exportTar('deep'))).equals(stdout)).toBe(true);
    await repo.commit({ tree: { tar: await deep(501), autocreateParents: true }, branch: 'deeper' });
    await expect(buffer(repo.exportTar('deeper'))).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await buffer(repo.exportTar('deeper', { subpath: 'd' }));
  });

  it('waits for its reader, and ends by abort, destroy and close', async () => {
    const { repo, tar } = await withTree();
    await repo.commit({ tree: { tar }, branch: 'main' });
    const sockets = async () => {
      const fds = await readdir('/proc/self/fd');
      const links = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      return links.filter((target) => target.startsWith('socket:')).length;
    };
    const before = await sockets();
    const first = async (options: { signal?: AbortSignal }) => {
      const stream = repo.exportTar('main', options);
      for await (const _chunk of stream) return stream; // leaves the loop: destroyed
      throw new Error('no data');
    };
    await first({});
    const controller = new AbortController();
    const aborted = repo.exportTar('main', { signal: controller.signal });
    await new Promise((resolve) => aborted.once('readable', resolve));
    controller.abort(new Error('enough'));
    await expect(buffer(aborted)).rejects.toThrow('enough');
    const closed = repo.exportTar('main');
    await new Promise((resolve) => closed.once('readable', resolve));
    const ended = expect(buffer(closed)).rejects.toMatchObject({ code: 'CLOSED' });
    await repo.close();
    await ended;
    await turn();
    await expect.poll(sockets, { timeout: 5_000 }).toBeLessThanOrEqual(before);
    await expect(buffer(repo.exportTar('main'))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('keeps nobody from working, however many wait for their readers', async () => {
    const { repo, tar } = await withTree();
    const { rootContents } = await repo.commit({ tree: { tar }, branch: 'main' });
    const streams = Array.from({ length: 24 }, () => repo.exportTar('main'));
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('readable', resolve))));
    expect((await repo.commit({ tree: { tar } })).rootContents).toBe(rootContents);
    // Each of these waits for another of them.
    const copies = await Promise.all(streams.map((stream) => repo.commit({ tree: { tar: stream } })));
    expect(new Set(copies.map((copy) => copy.rootContents))).toEqual(new Set([rootContents]));
  });
});

describe('commit({ tree: { tar } })', () => {
  it('gives up the streams it has begun with when it does not begin with the others', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const reason = new Error('enough');
    for (const others of [1, 0]) {
      const controller = new AbortController();
      const tar = new Readable({ read: () => controller.abort(reason) });
      const closed = new Promise((resolve) => tar.once('close', resolve));
      const tree = [{ tar }, ...Array.from({ length: others }, () => ({ tar: Buffer.alloc(1024) }))];
      await expect(repo.commit({ tree, signal: controller.signal })).rejects.toBe(reason);
      await closed;
    }
  });

  it.each(['archive', 'bare-user', 'bare-user-only'])('makes what the command makes, in %s', async (mode) => {
    const { cli, repo, tar } = await withTree(mode);
    const members = [
      ROOT,
      { name: 'a', data: 'a', mode: 0o4755, uid: 5, gid: 6 },
      { name: 'dir', type: '5', mode: 0o2770, uid: 7 },
      { name: 'dir/x', data: 'x', pax: { 'SCHILY.xattr.user.b': 'b', 'SCHILY.xattr.user.a': 'a' } },
      { name: '/abs', data: 'abs' },
      { name: './dir/./y', data: 'y' },
      { name: 'dir/hard', type: '1', to: 'a' },
      { name: 'dir/ünï', data: 'u' },
      { name: 'a', data: 'later' },
    ];
    const other = await tarOf(members);
    for (const path of [tar, other]) {
      await cli.ostree('commit', '--branch=theirs', `--tree=tar=${path}`);
      await repo.commit({ tree: { tar: path }, branch: 'ours' });
      expect(await roots(cli.path, 'ours')).toBe(await roots(cli.path, 'theirs'));
    }
    await cli.ostree('fsck');
  });

  it('links to files of the sources before', async () => {
    const { cli, repo, dir } = await withTree();
    const { checksum } = await repo.commit({ tree: dir, branch: 'base' });
    const tar = await tarOf([
      ROOT,
      { name: 'etc/linked', type: '1', to: 'etc/b' },
      { name: 'etc/symlinked', type: '1', to: 'usr/link' },
    ]);
    await cli.ostree('commit', '--branch=theirs', `--tree=ref=${checksum}`, `--tree=tar=${tar}`);
    for (const below of [dir, { ref: checksum }]) {
      await repo.commit({ tree: [below, { tar }], branch: 'ours' });
      expect(await roots(cli.path, 'ours')).toBe(await roots(cli.path, 'theirs'));
    }
  });

  it('makes missing parents as the command does', async () => {
    const { cli, repo } = await withTree();
    const path = await tarOf([
      { name: 'a/b/c', data: 'c', uid: 5, gid: 6 },
      { name: 'a', type: '5', mode: 0o700 },
      { name: 'a/d/e', data: 'e', uid: 7 },
      { name: 'f', data: 'f', uid: 8 },
    ]);
    const empty = await tarOf([]);
    for (const tar of [path, empty]) {
      await cli.ostree('commit', '--branch=theirs', `--tree=tar=${tar}`, '--tar-autocreate-parents');
      await repo.commit({ tree: { tar, autocreateParents: true }, branch: 'ours' });
      expect(await roots(cli.path, 'ours')).toBe(await roots(cli.path, 'theirs'));
    }
    await expect(repo.commit({ tree: { tar: path } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/a/b/c',
    });
    await expect(repo.commit({ tree: { tar: empty } })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('applies the options of a commit, as the command', async () => {
    const { cli, repo, tar } = await withTree();
    await cli.ostree(
      'commit',
      '--branch=theirs',
      `--tree=tar=${tar}`,
      '--owner-uid=3',
      '--owner-gid=4',
      '--no-xattrs',
    );
    await repo.commit({ tree: { tar }, branch: 'ours', owner: { uid: 3, gid: 4 }, xattrs: false });
    expect(await roots(cli.path, 'ours')).toBe(await roots(cli.path, 'theirs'));
    await repo.commit({
      tree: { tar },
      branch: 'skip',
      skip: ['/usr'],
      statOverride: { '/etc/b': { set: 0o600 } },
    });
    expect((await repo.readdir('skip', '/')).map(({ name }) => name)).toEqual(['etc', 'x'.repeat(150)]);
    expect((await repo.stat('skip', '/etc/b')).mode & 0o7777).toBe(0o600);
    await repo.commit({
      tree: [{ tar, prefix: 'in/here' }, { tar: await tarOf([ROOT, { name: 'new', data: 'n' }]) }],
      branch: 'two',
    });
    expect(await repo.readFile('two', 'in/here/etc/b', 'utf8')).toBe('b');
    expect(await repo.readFile('two', 'new', 'utf8')).toBe('n');
  });

  it('reads streams and bytes, and what is compressed', async () => {
    const { cli, repo, tar } = await withTree();
    const data = await readFile(tar);
    await execa('gzip', ['-k', tar]);
    await execa('xz', ['-k', tar]);
    await repo.commit({ tree: { tar }, branch: 'path' });
    const sources: TreeSource[] = [
      { tar: data },
      { tar: createReadStream(tar) },
      { tar: createReadStream(`${tar}.gz`) },
      { tar: `${tar}.xz` },
    ];
    for (const tree of sources) {
      const { rootContents } = await repo.commit({ tree, branch: 'ours' });
      expect(rootContents).toBe((await repo.readCommit('path')).rootContents);
    }
    await repo.transaction(async (txn) => {
      const { checksum } = await txn.commit({
        tree: [{ tar: data }, { tar: createReadStream(tar), prefix: 'p' }],
      });
      await txn.setRef('txn', checksum);
    });
    expect(await repo.readFile('txn', 'p/etc/b', 'utf8')).toBe('b');
    expect((await readdir(join(cli.path, 'tmp'))).filter((name) => name.startsWith('tar-'))).toEqual([]);
  });

  it('commits nothing of a stream that fails, breaks off, or is aborted', async () => {
    const { repo, tar } = await withTree();
    const data = await readFile(tar);
    const broken = Readable.from(
      (function* () {
        yield data.subarray(0, 1024 * 10);
        throw new Error('broken');
      })(),
    );
    await expect(repo.commit({ tree: { tar: broken }, branch: 'no' })).rejects.toThrow('broken');
    // Whole blocks, then no more: as an archive that is not ended by zeros.
    const destroyed = new Readable({ read() {} });
    destroyed.push(data.subarray(0, 512));
    const commit = repo.commit({ tree: { tar: destroyed }, branch: 'no' });
    destroyed.destroy();
    await expect(commit).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    const controller = new AbortController();
    const silent = new Readable({ read() {} });
    const waiting = repo.commit({ tree: { tar: silent }, branch: 'no', signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(silent.destroyed).toBe(true);
    await expect(repo.commit({ tree: { tar: data.subarray(0, 700_000) } })).rejects.toMatchObject({
      code: 'CORRUPT',
    });
    await expect(
      repo.commit({ tree: { tar: Buffer.from('no tar at all, but text of some length') } }),
    ).rejects.toMatchObject({
      code: 'CORRUPT',
    });
    expect(await repo.hasRef('no')).toBe(false);
  });

  it('reads a stream to its end, and tells what is wrong with it', async () => {
    const { repo, tar } = await withTree();
    const data = await readFile(tar);
    const follows = (chunk: unknown, error?: Error) =>
      Readable.from(
        (function* () {
          yield data;
          for (let i = 0; i < 100; i++) yield chunk;
          if (error) throw error;
        })(),
      );
    const more = Buffer.alloc(65_536, 1);
    await repo.commit({ tree: { tar: follows(more) }, branch: 'main' });
    await expect(repo.commit({ tree: { tar: follows(more, new Error('late')) } })).rejects.toThrow('late');
    await expect(repo.commit({ tree: [{ tar: follows('text') }] })).rejects.toEqual(typeError('tar'));
    const garbage = follows(more).drop(1);
    await expect(repo.commit({ tree: { tar: garbage } })).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(garbage.destroyed).toBe(true);
    const ended = createReadStream(tar);
    ended.destroy();
    await expect(repo.commit({ tree: { tar: ended } })).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
    const unread = new Readable({ read() {} });
    await expect(repo.commit({ tree: [{ ref: 'missing' }, { tar: unread }] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(unread.destroyed).toBe(true);
  });

  it('makes what the command makes of a sparse file', async () => {
    const { cli, repo, dir } = await withTree();
    await writeFile(join(dir, 'sparse'), 'begins');
    await truncate(join(dir, 'sparse'), 5_000_000);
    await appendFile(join(dir, 'sparse'), 'ends');
    await truncate(join(dir, 'sparse'), 9_000_000);
    const tar = join(dir, '../sparse.tar');
    await execa('tar', ['-C', dir, '-cSf', tar, '.']);
    await cli.ostree('commit', '--branch=theirs', `--tree=tar=${tar}`);
    await repo.commit({ tree: { tar }, branch: 'ours' });
    expect(await roots(cli.path, 'ours')).toBe(await roots(cli.path, 'theirs'));
  });

  it('ends with a code whatever is damaged', async () => {
    const { repo, tar } = await withTree();
    const data = await readFile(tar);
    const file = data.indexOf('./etc/b');
    const codes = new Set<string>();
    const attempt = async (archive: Buffer) => {
      try {
        await repo.commit({ tree: { tar: archive } });
      } catch (error) {
        codes.add(OstreeError.is(error) ? error.code : String(error));
      }
    };
    // A size of 2^62, in base 256, in a header whose sum is right.
    const huge = Buffer.from(data.subarray(0, file + 2048));
    huge.fill(0, file + 124, file + 136);
    huge[file + 124] = 0x80;
    huge[file + 128] = 0x40;
    huge.fill(' ', file + 148, file + 156);
    const sum = huge.subarray(file, file + 512).reduce((total, byte) => total + byte, 0);
    huge.write(sum.toString(8).padStart(6, '0') + '\0', file + 148);
    const memory = process.memoryUsage().rss;
    await attempt(huge);
    expect([...codes]).toEqual(['CORRUPT']);
    expect(process.memoryUsage().rss - memory).toBeLessThan(100_000_000);
    for (let at = 0; at < 64; at++) await attempt(data.subarray(0, at * 100 + 1));
    // Not of chance, so that what fails once fails always.
    let state = 1;
    const next = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const zipped = gzipSync(data);
    for (let round = 0; round < 150; round++) {
      const archive = Buffer.from(round % 3 === 0 ? zipped : data);
      for (let i = 0; i <= round % 5; i++) archive[next(Math.min(archive.length, 4096))] = next(256);
      await attempt(archive);
    }
    for (const code of codes)
      expect([
        'CORRUPT',
        'INVALID_ARGUMENT',
        'NOT_FOUND',
        'NOT_SUPPORTED',
        'NOT_DIRECTORY',
        'IS_DIRECTORY',
      ]).toContain(code);
  });

  it.each([
    ['..', [{ name: '../x' }], 'INVALID_ARGUMENT'],
    ['a hidden ..', [{ name: 'a/../../x' }], 'INVALID_ARGUMENT'],
    ['a path through a symlink', [{ name: 'l', type: '2', to: '/etc' }, { name: 'l/x' }], 'NOT_DIRECTORY'],
    ['a device', [{ name: 'd', type: '3' }], 'NOT_SUPPORTED'],
    ['a pipe', [{ name: 'p', type: '6' }], 'NOT_SUPPORTED'],
    ['a hard link out of it', [{ name: 'h', type: '1', to: '../../etc/passwd' }], 'INVALID_ARGUMENT'],
    ['a hard link to nothing', [{ name: 'h', type: '1', to: 'etc/passwd' }], 'NOT_FOUND'],
    [
      'a hard link to a directory',
      [
        { name: 'd', type: '5' },
        { name: 'h', type: '1', to: 'd' },
      ],
      'NOT_FOUND',
    ],
    ['a file for a root', [{ name: '.' }], 'INVALID_ARGUMENT'],
    ['a file in place of a directory', [{ name: 'd', type: '5' }, { name: 'd' }], 'IS_DIRECTORY'],
  ])('refuses %s', async (_what, members, code) => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path, { fsync: false });
    const tar = await tarOf([ROOT, ...members]);
    for (const autocreateParents of [false, true])
      await expect(repo.commit({ tree: { tar, autocreateParents } })).rejects.toMatchObject({ code });
  });

  it('applies whiteouts to the layers below', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path, { fsync: false });
    const below = await tarOf([
      ROOT,
      { name: 'gone', data: '1' },
      { name: 'dir', type: '5' },
      { name: 'dir/old', data: '2' },
      { name: 'opaque', type: '5' },
      { name: 'opaque/deep', type: '5' },
      { name: 'opaque/deep/x', data: '3' },
      { name: 'turns', data: '4' },
      { name: 'kept', data: '5' },
    ]);
    const above = await tarOf([
      ROOT,
      { name: 'gone', data: 'again' },
      { name: '.wh.gone' },
      { name: '.wh.dir' },
      { name: '.wh.missing' },
      { name: 'opaque', type: '5' },
      { name: 'opaque/mine', data: 'mine' },
      { name: 'opaque/.wh..wh..opq' },
      { name: 'turns', type: '5' },
      { name: 'turns/in', data: 'in' },
    ]);
    const tree = [{ tar: below }, { tar: above, whiteouts: true }];
    await repo.commit({ tree, branch: 'image' });
    const all: string[] = [];
    for await (const { path } of repo.walk('image')) all.push(path);
    expect(all.sort()).toEqual(['/', '/gone', '/kept', '/opaque', '/opaque/mine', '/turns', '/turns/in']);
    expect(await repo.readFile('image', 'gone', 'utf8')).toBe('again');
    await cli.ostree('fsck');
    const linked = await tarOf([ROOT, { name: 'lib', type: '2', to: '../etc' }]);
    const through = await tarOf([ROOT, { name: 'lib/x', data: 'x' }]);
    for (const autocreateParents of [false, true])
      await expect(
        repo.commit({ tree: [{ tar: linked }, { tar: through, whiteouts: true, autocreateParents }] }),
      ).rejects.toMatchObject({ code: 'NOT_DIRECTORY', path: '/lib' });
    await repo.commit({ tree: { tar: above }, branch: 'plain' });
    expect((await repo.readdir('plain', '/')).map(({ name }) => name)).toContain('.wh.gone');
  });

  it('refuses bad arguments', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path, { fsync: false });
    const commit = (tree: object) => repo.commit({ tree: tree as TreeSource });
    await expect(commit({ tar: 3 })).rejects.toEqual(typeError('options.tree.tar'));
    await expect(commit({ tar: '' })).rejects.toEqual(rangeError('options.tree.tar'));
    const read = Readable.from([Buffer.alloc(1024)]);
    await buffer(read);
    await expect(commit({ tar: read, autocreateParents: true })).rejects.toEqual(
      rangeError('options.tree.tar'),
    );
    await expect(commit({ tar: 'x', whiteouts: 1 })).rejects.toEqual(typeError('whiteouts'));
    await expect(commit({ tar: '/missing.tar' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/missing.tar',
    });
    await expect(commit({ tar: '/etc' })).rejects.toMatchObject({ code: 'IS_DIRECTORY' });
  });
});
