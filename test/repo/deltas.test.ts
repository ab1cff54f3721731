import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Repo, Variant } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { copyRepo } from '../support/objects.js';
import { rangeError, typeError } from '../support/errors.js';
import { type CliRepo, cliRepo, temporaryDirectory } from '../support/repo.js';
import { ed25519Key } from '../support/sign.js';

const ZEROS = '0'.repeat(64);

/** Two commits whose files differ a little, so that the delta has patches, whole files, links and directories in it. */
async function twoCommits(mode = 'archive') {
  const cli = await cliRepo(mode);
  const large = randomBytes(300_000);
  const from = await cli.commit('main', { large, 'dir/a': 'a', gone: 'gone' });
  const changed = Buffer.from(large);
  changed.write('changed', 100_000);
  const to = await cli.commit('main', { large: changed, 'dir/a': 'b', 'new/file': 'new' });
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  return { cli, repo, from, to, name: `${from}-${to}` };
}

function base64(checksum: string): string {
  return Buffer.from(checksum, 'hex').toString('base64').replace('=', '').replaceAll('/', '_');
}

function deltaDirectory(repo: string, ...checksums: string[]): string {
  const name = checksums.map(base64).join('-');
  return join(repo, 'deltas', name.slice(0, 2), name.slice(2));
}

/** A repository that pulls from another one, and has one of its commits. */
async function receiver(source: CliRepo, have?: string, mode = 'bare-user'): Promise<CliRepo> {
  const cli = await cliRepo(mode);
  await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', `file://${source.path}`);
  if (have !== undefined) await cli.ostree('pull-local', source.path, have);
  return cli;
}

function forgedSuperblock(options: { parts?: unknown[]; fallbacks?: unknown[]; metadata?: object } = {}) {
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
  const commit = [{}, new Uint8Array(), [], '', '', 0, bytes(ZEROS), bytes(ZEROS)];
  return new Variant('(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))', [
    options.metadata ?? { 'ostree.endianness': new Variant('y', 'l'.charCodeAt(0)) },
    0,
    new Uint8Array(),
    bytes(ZEROS),
    commit,
    new Uint8Array(),
    options.parts ?? [],
    options.fallbacks ?? [],
  ]).toBytes();
}

/** A directory with a delta whose one part is this program over this data, and makes these objects. */
async function forgedDelta(program: number[], data: Uint8Array, objects: number[], modes = [[0, 0, 0]]) {
  const dir = await temporaryDirectory();
  const part = Buffer.concat([
    Buffer.from([0]),
    new Variant('(a(uuu)aa(ayay)ayay)', [modes, [[]], data, Uint8Array.from(program)]).toBytes(),
  ]);
  const checksum = new Uint8Array(createHash('sha256').update(part).digest());
  const list = Buffer.concat(objects.map((type) => Buffer.concat([Buffer.from([type]), Buffer.alloc(32)])));
  const parts = [[0, checksum, part.length, 1, new Uint8Array(list)]];
  await writeFile(join(dir, '0'), part);
  await writeFile(join(dir, 'superblock'), forgedSuperblock({ parts }));
  return dir;
}

describe('deltas.generate', () => {
  it.each([
    ['with parts of their own', {}],
    ['inline', { inline: true }],
    ['without bsdiff', { bsdiff: false }],
    ['for the other byte order', { endianness: 'big' as const }],
    ['in small chunks', { maxChunkSize: 1, minFallbackSize: 0, maxBsdiffSize: 1 }],
  ])('makes one that the command pulls, %s', async (_what, options) => {
    const { cli, repo, from, to, name } = await twoCommits();
    expect(await repo.deltas.generate({ from, to: 'main', ...options })).toEqual({
      name,
      from,
      to,
      generated: true,
    });
    await cli.ostree('summary', '-u');
    const client = await receiver(cli, from);
    await client.ostree('pull', '--require-static-deltas', 'origin', 'main');
    expect(await client.ostree('rev-parse', 'origin:main')).toBe(to);
    await client.ostree('fsck');
  });

  it('starts from the parent, or from nothing', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    expect(await repo.deltas.generate({ to: 'main' })).toMatchObject({ name, from, to });
    expect(await repo.deltas.generate({ from: null, to: 'main' })).toMatchObject({
      name: to,
      from: null,
      to,
    });
    await cli.ostree('summary', '-u');
    const client = await receiver(cli);
    await client.ostree('pull', '--require-static-deltas', 'origin', 'main');
    await client.ostree('fsck');
    await expect(repo.deltas.generate({ to: from })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('makes the same parts as the command', async () => {
    const { cli, repo, from, to } = await twoCommits();
    const copy = await copyRepo(cli.path);
    await repo.deltas.generate({ from, to });
    await cli.ostree('static-delta', 'generate', `--repo=${copy}`, `--from=${from}`, `--to=${to}`);
    const ours = deltaDirectory(cli.path, from, to);
    const theirs = deltaDirectory(copy, from, to);
    expect(await readdir(ours)).toEqual(await readdir(theirs));
    expect(await readFile(join(ours, '0'))).toEqual(await readFile(join(theirs, '0')));
  });

  it('replaces one that is there, or leaves it with ifNotExists', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    await repo.deltas.generate({ from, to, inline: true });
    expect(await repo.deltas.generate({ from, to, ifNotExists: true })).toMatchObject({
      name,
      generated: false,
    });
    expect(await readdir(deltaDirectory(cli.path, from, to))).toEqual(['superblock']);
    expect(await repo.deltas.generate({ from, to })).toMatchObject({ generated: true });
    expect((await readdir(deltaDirectory(cli.path, from, to))).sort()).toEqual(['0', 'superblock']);
    const leftover = (await readdir(join(cli.path, 'tmp'))).filter((entry) => entry.startsWith('delta-'));
    expect(leftover).toEqual([]);
  });

  it('are made, replaced and removed where deltas lie on another file system', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    const elsewhere = await mkdtemp('/dev/shm/ostree-test-');
    onTestFinished(() => rm(elsewhere, { recursive: true }));
    expect((await stat(elsewhere)).dev, 'another file system').not.toBe((await stat(cli.path)).dev);
    await symlink(elsewhere, join(cli.path, 'deltas'));
    await repo.deltas.generate({ from, to, inline: true });
    expect(await cli.ostree('static-delta', 'list')).toBe(name);
    await repo.deltas.generate({ from, to });
    expect((await readdir(deltaDirectory(cli.path, from, to))).sort()).toEqual(['0', 'superblock']);
    expect(await readdir(elsewhere)).toHaveLength(1); // and nothing that was made ready there
    await repo.summary.regenerate();
    await repo.deltas.remove(name);
    expect(await repo.deltas.list()).toEqual([]);
  });

  it('keep the old one where the new one cannot take its place', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    await repo.deltas.generate({ from, to, inline: true });
    const elsewhere = await mkdtemp('/dev/shm/ostree-test-');
    onTestFinished(() => rm(elsewhere, { recursive: true }));
    // One level further down than where the place to make them ready is chosen.
    const directory = dirname(deltaDirectory(cli.path, from, to));
    await cp(directory, join(elsewhere, 'ab'), { recursive: true });
    await rm(directory, { recursive: true });
    await symlink(join(elsewhere, 'ab'), directory);
    await expect(repo.deltas.generate({ from, to })).rejects.toMatchObject({
      message: expect.stringContaining('Invalid cross-device link'),
    });
    expect(await repo.deltas.list()).toMatchObject([{ name }]);
    expect(await readdir(deltaDirectory(cli.path, from, to))).toEqual(['superblock']);
  });

  it('writes to a file name, which the command applies', async () => {
    const { cli, repo, from, to } = await twoCommits();
    const dir = await temporaryDirectory();
    await repo.deltas.generate({ from, to, filename: join(dir, 'my.delta') });
    expect((await readdir(dir)).sort()).toEqual(['0', 'my.delta']);
    expect(await repo.deltas.list()).toEqual([]);
    const client = await receiver(cli, from);
    await client.ostree('static-delta', 'apply-offline', join(dir, 'my.delta'));
    await client.ostree('fsck', '--delete');
    expect(await client.ostree('log', to)).toContain(to);
    await expect(repo.deltas.generate({ to, filename: '/nowhere/x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/nowhere/',
    });
  });

  it('leaves nothing when a signer fails, or the call is aborted', async () => {
    const { cli, repo, from, to } = await twoCommits();
    const dir = await temporaryDirectory();
    const sign = { type: 'ed25519', sign: () => Promise.reject(new Error('no')) };
    for (const place of [{}, { filename: join(dir, 'x') }])
      await expect(repo.deltas.generate({ from, to, sign, ...place })).rejects.toThrow('no');
    const controller = new AbortController();
    const aborting = {
      type: 'ed25519',
      sign: () => {
        controller.abort(new Error('enough'));
        return Promise.resolve(new Uint8Array(64));
      },
    };
    await expect(
      repo.deltas.generate({ from, to, sign: aborting, signal: controller.signal }),
    ).rejects.toThrow('enough');
    expect(await readdir(dir)).toEqual([]);
    expect(await repo.deltas.list()).toEqual([]);
    expect((await readdir(join(cli.path, 'tmp'))).filter((entry) => entry.startsWith('delta-'))).toEqual([]);
    const aborted = AbortSignal.abort(new Error('before'));
    await expect(repo.deltas.generate({ from, to, signal: aborted })).rejects.toThrow('before');
  });

  it('rejects with NOT_FOUND or CORRUPT when an object is missing or damaged', async () => {
    const { cli, repo, from, to } = await twoCommits();
    await expect(repo.deltas.generate({ to: 'missing' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.deltas.generate({ from: ZEROS, to })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const root = (await repo.readCommit(from)).rootContents;
    await writeFile(join(cli.path, 'objects', root.slice(0, 2), `${root.slice(2)}.dirtree`), 'damaged');
    await expect(repo.deltas.generate({ from, to })).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  it('refuses bad arguments', async () => {
    const { repo } = await twoCommits();
    const generate = (options: unknown) => repo.deltas.generate(options as { to: string });
    await expect(generate(undefined)).rejects.toEqual(typeError('options'));
    await expect(generate({})).rejects.toEqual(typeError('options.to'));
    await expect(generate({ to: 'main', from: 3 })).rejects.toEqual(typeError('options.from'));
    await expect(generate({ to: 'main', inline: 1 })).rejects.toEqual(typeError('options.inline'));
    await expect(generate({ to: 'main', maxChunkSize: -1 })).rejects.toEqual(
      rangeError('options.maxChunkSize'),
    );
    await expect(generate({ to: 'main', endianness: 'l' })).rejects.toEqual(rangeError('options.endianness'));
    await expect(generate({ to: 'main', filename: 'a/' })).rejects.toEqual(rangeError('options.filename'));
    await expect(generate({ to: 'main', sign: { type: 'gpg', keyId: 'x' } })).rejects.toEqual(
      rangeError('options.sign'),
    );
    await expect(generate({ to: 'main', from: 'zz' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(generate({ to: '../../x' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('deltas.generateMany', () => {
  it('makes all of them, in the order of the list, and tells how far it is', async () => {
    const { repo, from, to, name } = await twoCommits();
    const progress: number[] = [];
    const results = await repo.deltas.generateMany(
      [
        { from, to },
        { from: null, to },
        { from: null, to: from },
      ],
      { concurrency: 2, memoryLimit: 1, onProgress: ({ done }) => progress.push(done) },
    );
    expect(results.map((result) => result.name)).toEqual([name, to, from]);
    expect(progress).toEqual([1, 2, 3]);
    expect((await repo.deltas.list()).map((delta) => delta.name)).toEqual([name, to, from].sort());
  });

  it('ends with the first failure, by abort, or when a callback throws', async () => {
    const { repo, from, to } = await twoCommits();
    await expect(repo.deltas.generateMany([{ to: 'missing' }, { from, to }])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const list = [
      { from, to },
      { from: null, to },
    ];
    await expect(
      repo.deltas.generateMany(list, { concurrency: 1, signal: controller.signal, onProgress }),
    ).rejects.toThrow('enough');
    const throwing = () => {
      throw new Error('thrown');
    };
    await expect(repo.deltas.generateMany(list, { onProgress: throwing })).rejects.toThrow('thrown');
    await expect(repo.deltas.generateMany([{ to: 3 as never }])).rejects.toEqual(typeError(/list\[0\].to/));
    const { signal } = new AbortController();
    await expect(repo.deltas.generateMany([{ from, to, signal } as never])).rejects.toEqual(
      rangeError(/list\[0\].signal/),
    );
    await expect(repo.deltas.generateMany([], { concurrency: 0 })).rejects.toEqual(rangeError('concurrency'));
    expect(await repo.deltas.generateMany([])).toEqual([]);
  });
});

describe('deltas.list, show, remove', () => {
  it('lists and shows what the command does', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    expect(await repo.deltas.list()).toEqual([]);
    await cli.ostree('static-delta', 'generate', `--from=${from}`, `--to=${to}`);
    await cli.ostree(
      'static-delta',
      'generate',
      '--empty',
      '--to',
      to,
      '--min-fallback-size=0',
      '--set-endianness=B',
    );
    const names = (await repo.deltas.list()).map((delta) => delta.name);
    expect(names).toEqual((await cli.ostree('static-delta', 'list')).split('\n').sort());
    for (const each of names) {
      const shown = await cli.ostree('static-delta', 'show', each);
      const info = await repo.deltas.show(each);
      const number = (pattern: RegExp) => Number(pattern.exec(shown)?.[1]);
      expect(shown).toContain(`To: ${info.to}`);
      expect(shown).toContain(info.from === null ? 'From <scratch>' : `From: ${info.from}`);
      expect(shown).toContain(`Endianness: ${info.endianness}`);
      expect(number(/Timestamp: (\d+)/)).toBe(info.timestamp.getTime() / 1000);
      expect(number(/Number of parts: (\d+)/)).toBe(info.parts.length);
      expect(number(/Number of parents: (\d+)/)).toBe(info.parents);
      expect(number(/Number of fallback entries: (\d+)/)).toBe(info.fallbacks.length);
      expect(number(/PartMeta0: nobjects=(\d+)/)).toBe(info.parts[0]?.objects);
      expect(number(/Total Size: (\d+)/)).toBe(info.size);
      expect(number(/Total Uncompressed Size: (\d+)/)).toBe(info.uncompressedSize);
      expect(info.signed).toBe(false);
    }
    expect(await repo.deltas.show(name)).toMatchObject({ name, from, to, endiannessGuessed: false });
  });

  it('shows fallbacks', async () => {
    const cli = await cliRepo();
    const to = await cli.commit('main', { big: randomBytes(1_100_000) });
    await using repo = await Repo.open(cli.path);
    await repo.deltas.generate({ from: null, to, minFallbackSize: 1_000_000 });
    const { fallbacks } = await repo.deltas.show(to);
    expect(fallbacks).toEqual([
      { type: 'file', checksum: expect.any(String), size: expect.any(Number), uncompressedSize: 1_100_000 },
    ]);
    expect(await cli.ostree('static-delta', 'show', to)).toContain(`  ${fallbacks[0]?.checksum}`);
    await expect(repo.deltas.apply(deltaDirectory(cli.path, to))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    });
  });

  it('removes one, and takes it out of its index', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    await repo.deltas.generateMany([
      { from, to },
      { from: null, to },
    ]);
    await repo.deltas.reindex();
    await repo.deltas.remove(name);
    expect(await cli.ostree('static-delta', 'list')).toBe(to);
    expect(await repo.deltas.indexes()).toEqual([to]);
    await repo.deltas.remove(to);
    expect(await repo.deltas.indexes()).toEqual([]);
    await expect(repo.deltas.remove(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.deltas.show(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('removes none whose index could not be made anew', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    await repo.deltas.generate({ from, to });
    await repo.deltas.reindex();
    await mkdir(join(cli.path, 'deltas/ab/c'), { recursive: true });
    await writeFile(join(cli.path, 'deltas/ab/c/superblock'), 'x');
    const failure = { code: 'CORRUPT', path: 'deltas/ab/c' };
    await expect(repo.deltas.remove(name)).rejects.toMatchObject(failure);
    expect(await readdir(deltaDirectory(cli.path, from, to))).toContain('superblock');
    await rm(join(cli.path, 'deltas/ab'), { recursive: true });
    await repo.deltas.remove(name);
    expect(await repo.deltas.indexes()).toEqual([]);
  });

  it.each([
    '',
    'x',
    '../../etc',
    ZEROS.slice(1),
    `${ZEROS}-`,
    `${ZEROS}-${ZEROS}-${ZEROS}`,
    `${ZEROS}/..`,
    `${ZEROS}\n`,
  ])('refuses the name %j', async (name) => {
    const { repo } = await twoCommits();
    for (const method of ['show', 'remove'] as const)
      await expect(repo.deltas[method](name)).rejects.toEqual(rangeError('name'));
    await expect(repo.deltas.verify(name, { keys: 'x' })).rejects.toEqual(rangeError('name'));
  });

  it('rejects with CORRUPT when the superblock is damaged, in whatever place', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    await repo.deltas.generate({ from, to });
    const path = join(deltaDirectory(cli.path, from, to), 'superblock');
    const good = await readFile(path);
    let corrupt = 0;
    for (let i = 0; i < 400; i++) {
      const bad = Buffer.from(good);
      const at = (i * 7919) % bad.length;
      bad[at] = (bad[at] ?? 0) ^ (1 + (i % 255));
      await writeFile(path, i % 10 === 0 ? bad.subarray(0, at) : bad);
      await repo.deltas.show(name).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'CORRUPT' });
        corrupt++;
      });
    }
    expect(corrupt).toBeGreaterThan(100);
  });
});

describe('deltas.reindex', () => {
  it('makes the indexes that the command makes', async () => {
    const { cli, repo, from, to } = await twoCommits();
    await repo.deltas.generateMany([
      { from, to },
      { from: null, to: from },
    ]);
    await repo.deltas.reindex({ to: 'main' });
    expect(await repo.deltas.indexes()).toEqual([to]);
    await repo.deltas.reindex();
    expect(await repo.deltas.indexes()).toEqual(
      (await cli.ostree('static-delta', 'indexes')).split('\n').sort(),
    );
    expect(await cli.ostree('config', 'get', 'core.indexed-deltas')).toBe('true');
    const index = base64(to);
    const path = join(cli.path, 'delta-indexes', index.slice(0, 2), `${index.slice(2)}.index`);
    const ours = await readFile(path);
    await cli.ostree('static-delta', 'reindex');
    expect(await readFile(path)).toEqual(ours);
  });

  it('rejects with CORRUPT where libostree would read beyond a name', async () => {
    const { cli, repo, from, to } = await twoCommits();
    await repo.deltas.generate({ from, to });
    await mkdir(join(cli.path, 'deltas/ab/c'), { recursive: true });
    await writeFile(join(cli.path, 'deltas/ab/c/superblock'), 'x');
    expect(await repo.deltas.list()).toHaveLength(1);
    await expect(repo.deltas.reindex()).rejects.toMatchObject({ code: 'CORRUPT', path: 'deltas/ab/c' });
    await expect(repo.summary.regenerate()).rejects.toMatchObject({ code: 'CORRUPT', path: 'deltas/ab/c' });
    await expect(repo.deltas.reindex({ to: 'zz' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.deltas.reindex({ to: 3 as never })).rejects.toEqual(typeError('options.to'));
  });
});

describe('deltas.apply', () => {
  it.each(['bare-user', 'bare-user-only'])('applies what the command made, to %s', async (mode) => {
    const { cli, from, to } = await twoCommits();
    await cli.ostree('static-delta', 'generate', `--from=${from}`, `--to=${to}`);
    await cli.ostree('static-delta', 'generate', '--empty', '--inline', '--to', from);
    const client = await receiver(cli, undefined, mode);
    await using repo = await Repo.open(client.path);
    const path = deltaDirectory(cli.path, from, to);
    await expect(repo.deltas.apply(path)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await repo.deltas.apply(deltaDirectory(cli.path, from))).toMatchObject({ from: null, to: from });
    expect(await repo.deltas.apply(join(path, 'superblock'))).toMatchObject({ from, to });
    await client.ostree('fsck');
    expect(await repo.readFile(to, 'dir/a', 'utf8')).toBe('b');
    await expect(repo.deltas.apply('/nowhere')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/nowhere',
    });
    await expect(repo.deltas.apply(path, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    );
    await expect(repo.deltas.apply('')).rejects.toEqual(rangeError('path'));
    await expect(repo.deltas.apply(path, { verify: {} })).rejects.toEqual(typeError(/options.remote/));
  });

  it('applies to an archive what makes whole objects, and refuses patches', async () => {
    const { cli, repo, from, to } = await twoCommits();
    await repo.deltas.generateMany([
      { from, to },
      { from: null, to: from },
    ]);
    const client = await receiver(cli, undefined, 'archive');
    await using target = await Repo.open(client.path);
    await target.deltas.apply(deltaDirectory(cli.path, from));
    await client.ostree('fsck');
    await expect(target.deltas.apply(deltaDirectory(cli.path, from, to))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    });
    await expect(target.readCommit(to)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('rejects with CORRUPT when a part is not what the superblock says', async () => {
    const { cli, repo, from, to } = await twoCommits();
    await repo.deltas.generate({ from, to });
    const path = deltaDirectory(cli.path, from, to);
    const client = await receiver(cli, from);
    await using target = await Repo.open(client.path);
    const part = await readFile(join(path, '0'));
    part[part.length >> 1] = (part[part.length >> 1] ?? 0) ^ 1;
    await writeFile(join(path, '0'), part);
    await expect(target.deltas.apply(path)).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(target.readCommit(to)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await readdir(join(client.path, 'tmp'))).filter((entry) => entry.startsWith('delta-'))).toEqual(
      [],
    );
  });

  // What libostree asserts while it runs a part, and would end the process for.
  const S = 0x53, o = 0x6f, w = 0x77, r = 0x72, c = 0x63, B = 0x42; // prettier-ignore
  const mode = [[0, 0, ((0o100644 & 0xff) << 24) | ((0o100644 >> 8) << 16)].map((n) => n >>> 0)];
  it.each([
    ['more objects than it should', [S, 0, 0, 0, 0, S, 0, 0, 0, 0], [1]],
    ['an object of no type', [S, 0, 0], [5]],
    ['a mode that is not there', [S, 9, 0, 0, 0], [1]],
    ['xattrs that are not there', [S, 0, 9, 0, 0], [1]],
    ['data beyond its end', [S, 0, 0, 0x7f, 0], [1]],
    ['an object within an object', [o, 0, 0, 1, o, 0, 0, 1], [1, 1]],
    ['a write to nothing', [w, 1, 0], [1]],
    ['a close of nothing', [c], [1]],
    ['a patch without a source', [o, 0, 0, 1, B, 0, 24, c], [1]],
    ['a patch that is too short', [r, 0, o, 0, 0, 1, B, 0, 8, c], [1]],
    ['a patch that does nothing for ever', [r, 0, o, 0, 0, 1, B, 0, 40, c], [1]],
    ['a file of an absurd size', [r, 0, o, 0, 0, ...Array<number>(8).fill(0xff), 0x7f, B, 0, 40, c], [1]],
    ['more than its size', [o, 0, 0, 1, w, 2, 0, c], [1]],
    ['an object without an end', [o, 0, 0, 0], [1]],
    ['a number without an end', [S, 0xff], [1]],
    ['no operation', [0x21], [1]],
    ['a patch of metadata', [o, 0, 0, 1], [2]],
  ])('rejects with CORRUPT a part with %s', async (_what, program, objects) => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const path = await forgedDelta(program, new Uint8Array(40), objects, mode);
    await expect(repo.deltas.apply(path)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  it('rejects with CORRUPT a superblock with impossible parts', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const dir = await temporaryDirectory();
    const apply = async (data: Uint8Array) => {
      await writeFile(join(dir, 'superblock'), data);
      await repo.deltas.apply(dir);
    };
    const none = new Uint8Array();
    const sum = new Uint8Array(32);
    for (const options of [
      { parts: [[0, none, 1, 1, none]] },
      { parts: [[0, sum, 1, 1, new Uint8Array(32)]] },
      { parts: [[0, sum, 1, 1, new Uint8Array(33).fill(99)]] },
      { fallbacks: [[1, none, 1, 1]] },
      { fallbacks: [[99, sum, 1, 1]] },
    ])
      await expect(apply(forgedSuperblock(options))).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(apply(Buffer.from('OSTSGNDT'))).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(apply(none)).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

describe('signed deltas', () => {
  it('are verified by name, and before they are applied', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    const key = ed25519Key();
    const keys = { type: 'ed25519', publicKey: key.public } as const;
    const others = { type: 'ed25519', publicKey: ed25519Key().public } as const;
    await repo.deltas.generate({ from, to, sign: { type: 'ed25519', secretKey: key.secret } });
    expect(await repo.deltas.show(name)).toMatchObject({ name, signed: true });
    expect(await cli.ostree('static-delta', 'show', name)).toContain('Signed: yes');
    expect(await repo.deltas.verify(name, { keys })).toMatchObject({
      valid: true,
      signatures: [{ type: 'ed25519', valid: true, publicKey: key.public }],
    });
    await expect(repo.deltas.verify(name, { keys: others })).rejects.toMatchObject({ code: 'SIGNATURE' });
    expect(await repo.deltas.verify(name, { keys: others, report: true })).toMatchObject({ valid: false });

    const client = await receiver(cli, from);
    await client.ostree('config', 'set', 'core.sign-verify-deltas', 'true');
    await using target = await Repo.open(client.path);
    const path = deltaDirectory(cli.path, from, to);
    await expect(target.deltas.apply(path)).rejects.toMatchObject({ code: 'SIGNATURE' });
    await expect(target.deltas.apply(path, { verify: { keys: others } })).rejects.toMatchObject({
      code: 'SIGNATURE',
    });
    await expect(target.readCommit(to)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await target.deltas.apply(path, { verify: { keys } });
    await client.ostree('fsck');
  });

  it('count by the keys of a remote', async () => {
    const { cli, repo, from, to, name } = await twoCommits();
    const key = ed25519Key();
    await cli.ostree(
      'remote',
      'add',
      '--no-gpg-verify',
      '--set=sign-verify=ed25519',
      `--set=verification-ed25519-key=${key.public}`,
      'up',
      'http://x',
    );
    await repo.deltas.generate({ from, to, sign: [{ type: 'ed25519', sign: (data) => key.sign(data) }] });
    expect((await repo.deltas.verify(name, { remote: 'up' })).valid).toBe(true);
    await repo.deltas.generate({ from, to });
    await expect(repo.deltas.verify(name, { remote: 'up' })).rejects.toMatchObject({ code: 'SIGNATURE' });
  });
});
