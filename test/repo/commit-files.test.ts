import { chmod, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { type CommitOptions, type FileEntry, Repo, type RepoMode } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliFsck } from '../support/objects.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { ed25519Key } from '../support/sign.js';
import { needsRoot } from '../support/trees.js';
import { countTurns } from '../support/turns.js';

const MODES: RepoMode[] = ['archive', 'bare', 'bare-user', 'bare-user-only'];
const LARGE = Buffer.alloc(3_500_001, 'large ');
const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const ENTRIES: FileEntry[] = [
  { path: '/', type: 'directory', mode: 0o750, ...OWNER },
  { path: 'text', content: 'größe', mode: 0o640, ...OWNER },
  { path: '/bytes', type: 'file', content: new Uint8Array([0, 255]), ...OWNER },
  { path: 'dir', type: 'directory', mode: 0o711, ...OWNER },
  { path: 'dir//large', content: LARGE, mode: 0o4755, ...OWNER },
  { path: '/dir/link', type: 'symlink', target: '../text', ...OWNER },
  { path: 'dir/empty/', type: 'directory', ...OWNER },
];

/** The same on disk, and there with a stream instead of the bytes. */
async function onDisk(): Promise<string> {
  const dir = await temporaryDirectory();
  await writeTree(dir, { text: 'größe', bytes: new Uint8Array([0, 255]), 'dir/large': LARGE });
  await chmod(join(dir, 'text'), 0o640);
  await chmod(join(dir, 'dir/large'), 0o4755);
  await symlink('../text', join(dir, 'dir/link'));
  await mkdir(join(dir, 'dir/empty'));
  await chmod(join(dir, 'dir'), 0o711);
  await chmod(dir, 0o750);
  return dir;
}

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await new Promise((resolve) => setImmediate(resolve));
    yield item;
  }
}

const streamed = (): FileEntry[] =>
  ENTRIES.map((entry) =>
    'content' in entry ? { ...entry, content: Readable.from(slowly([entry.content, ''])) } : entry,
  );

async function temporaryFiles(repo: string): Promise<string[]> {
  return (await readdir(join(repo, 'tmp'))).filter((name) => name !== 'cache');
}

describe.each(MODES)('files from JavaScript in mode %s', (mode) => {
  it('make the commit that a directory with them makes', async () => {
    const cli = await cliRepo(mode);
    await using repo = await Repo.open(cli.path);
    const common = { timestamp: new Date(0), bindings: false };
    const variants: Omit<CommitOptions, 'tree'>[] = [
      {},
      { owner: { uid: 0, gid: 0 }, modeRoExecutables: true },
      { canonicalPermissions: true },
      {
        skip: ['/text', { glob: 'link' }],
        statOverride: { '/dir/large': { add: 0o22 }, '/dir': { set: 0o700 } },
      },
    ];
    for (const options of variants) {
      const expected = await repo.commit({ ...common, ...options, tree: await onDisk() });
      for (const files of [ENTRIES, new Set(ENTRIES), slowly(ENTRIES), streamed(), slowly(streamed())]) {
        const { checksum } = await repo.commit({ ...common, ...options, tree: [{ files }] });
        expect(checksum).toBe(expected.checksum);
      }
    }
    expect(await cliFsck(cli.path)).toBe(true);
    expect(await temporaryFiles(cli.path)).toEqual([]);
  });

  it('go below a prefix, over and under other sources', async () => {
    const cli = await cliRepo(mode);
    await using repo = await Repo.open(cli.path);
    const dir = await temporaryDirectory();
    await writeTree(dir, { 'usr/share/a': 'disk', 'usr/share/b': 'disk' });
    const files = (content: string): FileEntry[] => [{ path: 'share/a', content }];
    await repo.commit({
      branch: 'main',
      tree: [{ files: files('first'), prefix: '/usr/' }, dir, { files: files('last'), prefix: 'usr' }],
    });
    expect(await repo.readFile('main', '/usr/share/a', 'utf8')).toBe('last');
    expect(await repo.readFile('main', '/usr/share/b', 'utf8')).toBe('disk');
    await repo.commit({ branch: 'main', tree: [{ files: files('first'), prefix: 'usr' }, dir] });
    expect(await repo.readFile('main', '/usr/share/a', 'utf8')).toBe('disk');
    await repo.commit({ branch: 'new', tree: { files: files('x'), prefix: 'a/b' } });
    for (const path of ['/', '/a', '/a/b', '/a/b/share'])
      expect(await repo.stat('new', path)).toMatchObject({ mode: 0o40755, uid: 0, gid: 0 });
  });
});

describe('files from JavaScript', () => {
  it('are committed within a transaction', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      const { checksum, stats } = await txn.commit({ tree: { files: slowly(ENTRIES) } });
      expect(stats).toMatchObject({ contentObjects: 4, contentWritten: 4, bytesWritten: LARGE.length + 9 });
      expect(await txn.readFile(checksum, '/text', 'utf8')).toBe('größe');
    });
  });

  it.skipIf(needsRoot)(`have owners and extended attributes${needsRoot}`, async () => {
    const cli = await cliRepo('bare');
    await using repo = await Repo.open(cli.path);
    const xattrs = { 'user.b': Buffer.from('2'), 'user.a': Buffer.from([0]), 'user.none': Buffer.alloc(0) };
    const files: FileEntry[] = [
      { path: 'file', content: '', uid: 12, gid: 34, xattrs },
      { path: 'dir', type: 'directory', uid: 12, xattrs },
    ];
    await repo.commit({ branch: 'main', tree: { files } });
    const kept = { 'user.a': Buffer.from([0]), 'user.b': Buffer.from('2') };
    expect(await repo.xattrs('main', '/file')).toEqual(kept);
    expect(await repo.xattrs('main', '/dir')).toEqual(kept);
    expect(await repo.stat('main', '/file')).toMatchObject({ uid: 12, gid: 34 });
    await repo.commit({ branch: 'main', tree: { files }, xattrs: false });
    expect(await repo.xattrs('main', '/file')).toEqual({});
    expect(await cliFsck(cli.path)).toBe(true);
  });

  it('may be none, and then there is a root', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await repo.commit({ branch: 'main', tree: { files: [] } });
    expect(await repo.readdir('main', '/')).toEqual([]);
    expect(await repo.stat('main', '/')).toMatchObject({ mode: 0o40755 });
  });

  it('may be many, and neither fill the memory nor hold the event loop up', async () => {
    const cli = await cliRepo('bare-user-only');
    await using repo = await Repo.open(cli.path);
    let ahead = 0;
    let most = 0;
    const buffer = Buffer.alloc(1000); // used again for each
    function* many(): Generator<FileEntry> {
      for (let i = 0; i < 20_000; i++) {
        buffer.fill(0);
        buffer.write(String(i % 500));
        most = Math.max(most, ++ahead);
        yield { path: `dir-${i % 100}/${i}`, content: buffer };
      }
    }
    const ticking = setInterval(() => (ahead = 0), 0);
    const { turns, result } = await countTurns(() =>
      repo.commit({ branch: 'main', tree: { files: many() } }),
    );
    clearInterval(ticking);
    expect(result.stats).toMatchObject({ contentObjects: 20_000, contentWritten: 500 });
    expect(most).toBeLessThan(20_000); // it was asked for more only as they were taken
    expect(turns).toBeGreaterThan(70); // they go 256 at a time
    expect((await repo.readFile('main', '/dir-99/19999')).toString('utf8', 0, 4)).toBe('499\0');
  });

  it('end with what the iterable or a stream throws, and nothing is committed', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const error = new Error('broken');
    let ended = 0;
    async function* broken(): AsyncGenerator<FileEntry> {
      yield { path: 'a', content: 'a' };
      throw error;
    }
    async function* endless(bad: unknown): AsyncGenerator<FileEntry> {
      try {
        yield { path: 'a', content: 'a' };
        yield bad as FileEntry;
        for (;;) yield* slowly(ENTRIES);
      } finally {
        ended++;
      }
    }
    await expect(repo.commit({ branch: 'main', tree: { files: broken() } })).rejects.toBe(error);
    const stream = new Readable({
      read() {
        this.destroy(error);
      },
    });
    const bad = { path: 'b', content: stream };
    await expect(repo.commit({ branch: 'main', tree: { files: endless(bad) } })).rejects.toBe(error);
    await expect(
      repo.commit({ branch: 'main', tree: { files: endless({ path: '..' }) } }),
    ).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('options.tree.files[1].path') as string,
    });
    expect(ended).toBe(2);
    expect(await repo.hasRef('main')).toBe(false);
  });

  it('end when aborted, or when the repository is closed over them', async () => {
    const cli = await cliRepo();
    const repo = await Repo.open(cli.path);
    let ended = 0;
    async function* endless(controller: AbortController, stream?: Readable): AsyncGenerator<FileEntry> {
      try {
        if (stream) yield { path: 'stream', content: stream };
        for (let i = 0; ; i++) {
          if (i === 1000) controller.abort(reason);
          yield { path: `f${i}`, content: 'x'.repeat(10_000) };
        }
      } finally {
        ended++;
      }
    }
    const reason = new Error('enough');
    const aborted = async (files: (controller: AbortController) => AsyncIterable<FileEntry>) => {
      const controller = new AbortController();
      const commit = repo.commit({ tree: { files: files(controller) }, signal: controller.signal });
      await expect(commit).rejects.toBe(reason);
    };
    await aborted((controller) => endless(controller));
    const streams: Readable[] = [];
    await aborted((controller) => {
      // It stalls once it is read from.
      const stalled = new Readable({ read: () => void setImmediate(() => controller.abort(reason)) });
      streams.push(stalled);
      return endless(controller, stalled);
    });
    expect(streams[0]?.destroyed).toBe(true);
    const never = (asked: () => void): AsyncIterable<FileEntry> => ({
      [Symbol.asyncIterator]: () => ({
        next() {
          asked();
          return new Promise(() => {});
        },
      }),
    });
    await aborted((controller) => never(() => void setImmediate(() => controller.abort(reason))));
    const running = repo.commit({ tree: { files: never(() => {}) } });
    const closing = repo.close({ cancel: true });
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    await closing;
    expect(ended).toBe(2);
    expect(await temporaryFiles(cli.path)).toEqual([]);
  });

  it('may come from what commits to the same branch itself', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    let inner = '';
    async function* committing(): AsyncGenerator<FileEntry> {
      yield { path: 'a', content: 'outer' };
      const files = [{ path: 'a', content: 'inner' }];
      inner = (await repo.commit({ branch: 'main', tree: { files } })).checksum;
    }
    await repo.commit({ branch: 'main', tree: { files: committing() } });
    expect(await repo.readFile('main', '/a', 'utf8')).toBe('outer');
    expect(await repo.resolveRev('main^')).toBe(inner);
    await repo.transaction(async (txn) => {
      async function* writing(): AsyncGenerator<FileEntry> {
        await txn.writeFile('inner');
        yield { path: 'a', content: 'outer' };
      }
      await txn.commit({ tree: { files: writing() } });
    });
  });

  it('are in a commit that is signed', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const key = ed25519Key();
    await repo.commit({
      branch: 'main',
      tree: { files: slowly(ENTRIES) },
      sign: { type: 'ed25519', sign: (data) => key.sign(data) },
    });
    expect(await repo.readFile('main', '/text', 'utf8')).toBe('größe');
    const keys = { type: 'ed25519', publicKey: key.public } as const;
    expect(await repo.verify('main', { keys })).toMatchObject({ valid: true });
  });

  it('never replace directories, nor the reverse', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const a: FileEntry = { path: 'a', content: '' };
    const below: FileEntry = { path: 'a/b', content: '' };
    await expect(repo.commit({ tree: { files: [a, below] } })).rejects.toMatchObject({
      code: 'NOT_DIRECTORY',
    });
    await expect(repo.commit({ tree: { files: [below, a] } })).rejects.toMatchObject({
      code: 'IS_DIRECTORY',
    });
  });

  it('are refused when they are bad', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const commit = (entry: unknown) => repo.commit({ tree: { files: [entry as FileEntry] } });
    for (const files of [undefined, null, 5, {}] as never[])
      await expect(repo.commit({ tree: { files } })).rejects.toMatchObject(type);
    for (const entry of [
      5,
      null,
      [],
      { content: '' },
      { path: 'a' },
      { path: 'a', content: 5 },
      { path: 'a', content: '', mode: 'x' },
    ])
      await expect(commit(entry), JSON.stringify(entry)).rejects.toMatchObject(type);
    for (const entry of [
      { path: '/', content: '' },
      { path: '../a', content: '' },
      { path: 'a/./b', content: '' },
      { path: 'a\0', content: '' },
      { path: '\ud800', content: '' },
      { path: 'x'.repeat(256), content: '' },
      { path: 'a', content: '', mode: 0o120644 },
      { path: 'a', type: 'symlink', target: '' },
      { path: 'a', type: 'device' },
    ])
      await expect(commit(entry), JSON.stringify(entry)).rejects.toMatchObject(value);
    await expect(repo.commit({ tree: { files: [], dir: '/' } })).rejects.toMatchObject(value);
    await expect(repo.commit({ tree: { contents: 'zz', metadata: 'zz' } })).rejects.toMatchObject(value);
    const statOverride = { '/a': { add: 1 } };
    const link: FileEntry = { path: 'a', type: 'symlink', target: 'b' };
    await expect(
      repo.commit({ tree: { files: [link] }, statOverride: { '/a': { set: 0o600 } } }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(repo.commit({ tree: { files: [] }, statOverride })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
