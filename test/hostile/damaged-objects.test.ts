// Objects that say what is not so, where libostree would read them unlooked at: it ends the process over them, or
// never comes to an end. Each call has a process of its own.
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Readable } from 'node:stream';

import { Repo, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { DIRMETA, forge, forgeCommit, forgeTree } from '../support/forge.js';
import { checksumsAt, objectFile, setXattr } from '../support/objects.js';
import { nginx } from '../support/nginx.js';
import { probe } from '../support/probe.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { tinyOs } from '../support/sysroot.js';

const NAME = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

/** What one call comes to, in a process of its own. */
async function outcome(call: string, given: Record<string, unknown>): Promise<string | undefined> {
  const { it: came } = await probe({
    setUp: 'const repo = given.repo && (await Repo.open(given.repo));',
    calls: { it: call },
    given,
  });
  return came;
}

describe('a file of a bare-user repository whose metadata says it is a directory is CORRUPT', () => {
  const OWNED = `tree: { ref: 'main' }, owner: { uid: 1, gid: 1 }, branch: 'copy'`;
  const pull = (mode: string) =>
    `Repo.create(given.dir + '/new', { mode: '${mode}' }).then((to) => to.pullLocal(given.repo, { refs: ['main'] }))`;
  const remote = `Repo.create(given.dir + '/new', { mode: 'archive' }).then(async (to) => {
    await to.remotes.add('here', 'file://' + given.repo, { gpgVerify: false });
    await to.pull('here', { refs: ['main'] });
  })`;
  it.each([
    ['commit', `repo.commit({ ${OWNED} })`],
    ['exportTar', `all(repo.exportTar('main'))`],
    ['deltas.generate', `repo.deltas.generate({ to: 'main', from: null })`],
    ['pullLocal into an archive', pull('archive')],
    ['pullLocal into bare-user', pull('bare-user')],
    ['pullLocal into bare-user-only', pull('bare-user-only')],
    ['pullLocal of a directory', pull('archive').replace('refs:', `subdirs: ['/dir'], refs:`)],
    ['pull from a file:// remote', remote],
  ])('%s', async (_, call) => {
    const cli = await cliRepo('bare-user');
    await cli.commit('main', { 'dir/file': 'content', other: 'other' });
    const [file = ''] = await checksumsAt(cli.path, 'main', '/dir/file');
    const meta = Buffer.alloc(12);
    meta.writeUInt32BE(0o040755, 8);
    await setXattr(objectFile(cli.path, file, 'file'), 'user.ostreemeta', meta);
    expect(await outcome(call, { repo: cli.path, dir: await temporaryDirectory() })).toBe('CORRUPT');
  });

  it('what does not read it goes on working', async () => {
    const cli = await cliRepo('bare-user');
    await cli.commit('main', { 'dir/file': 'content', 'sound/other': 'other' });
    const [file = ''] = await checksumsAt(cli.path, 'main', '/dir/file');
    await setXattr(objectFile(cli.path, file, 'file'), 'user.ostreemeta', Buffer.alloc(12));
    const given = { repo: cli.path, dir: await temporaryDirectory() };
    const calls = {
      directory: `Repo.create(given.dir + '/1', { mode: 'archive' }).then((to) => to.pullLocal(given.repo, { subdirs: ['/sound'] }))`,
      file: `Repo.create(given.dir + '/2', { mode: 'archive' }).then((to) => to.pullLocal(given.repo, { subdirs: ['/sound/other'] }))`,
      commit: `Repo.create(given.dir + '/3', { mode: 'archive' }).then((to) => to.pullLocal(given.repo, { commitOnly: true }))`,
      tar: `all(repo.exportTar('main', { subpath: '/sound' }))`,
    };
    const setUp = 'const repo = await Repo.open(given.repo);';
    const ok = { directory: 'ok', file: 'ok', commit: 'ok', tar: 'ok' };
    expect(await probe({ setUp, calls, given })).toEqual(ok);
  });
});

it('a repository that objects are taken from is left out, when one of them is damaged', async () => {
  const source = await cliRepo('archive');
  const commit = await source.commit('main', { 'dir/file': 'content', other: 'other' });
  await source.ostree('summary', '--update');
  const { url } = await nginx(source.path);
  const cache = await cliRepo('bare-user');
  await cache.ostree('pull-local', source.path, 'main');
  const [file = ''] = await checksumsAt(cache.path, 'main', '/dir/file');
  const meta = Buffer.alloc(12);
  meta.writeUInt32BE(0o040755, 8);
  await setXattr(objectFile(cache.path, file, 'file'), 'user.ostreemeta', meta);
  const pull = (name: string, trusted: boolean) =>
    `Repo.create(given.dir + '/${name}', { mode: 'archive' }).then(async (to) => {
      await to.remotes.add('origin', given.url, { gpgVerify: false });
      const options = { refs: ['main'], localCacheRepos: [given.cache], trusted: ${trusted} };
      const { contentFetched } = await to.pull('origin', options);
      if (contentFetched !== 2) throw new Error(contentFetched + ' files were fetched');
    })`;
  const dir = await temporaryDirectory();
  const calls = { pull: pull('1', false), trusted: pull('2', true) };
  const outcomes = await probe({ setUp: '', calls, given: { url, dir, cache: cache.path } });
  expect(outcomes).toEqual({ pull: 'ok', trusted: 'ok' });
  await using repo = await Repo.open(join(dir, '1'));
  expect(await repo.resolveRev('origin:main')).toBe(commit);
  expect(await repo.fsck()).toMatchObject({ verdict: 'ok' });
});

describe('a directory that libostree must not read is CORRUPT', () => {
  const SHORT = new Variant('(a(say)a(sayay))', [
    [],
    [['usr', new Uint8Array(3), new Uint8Array(3)]],
  ]).toBytes();
  const SHORT_FILE = new Variant('(a(say)a(sayay))', [[['file', new Uint8Array(3)]], []]).toBytes();

  const forgeries: Record<string, (path: string) => Promise<string>> = {
    'a checksum of 3 bytes': (path) => forge(path, 'dirtree', SHORT),
    'a checksum of a file of 3 bytes': (path) => forge(path, 'dirtree', SHORT_FILE),
    'a directory that contains itself': async (path) => {
      const meta = await forge(path, 'dirmeta', DIRMETA);
      return await forgeTree(path, { directories: [['usr', NAME, meta]] }, NAME);
    },
  };

  it.each(Object.keys(forgeries))('commit({ bootable }): %s', async (what) => {
    const { path } = await cliRepo();
    await forgeCommit(path, 'main', { contents: (await forgeries[what]?.(path)) ?? '' });
    const call = `repo.commit({ tree: { ref: 'main' }, branch: 'copy', bootable: true })`;
    expect(await outcome(call, { repo: path })).toBe('CORRUPT');
  });

  it.each(Object.keys(forgeries))('sysroot.deploy() and cleanup(): %s', async (what) => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    const repo = join(path, 'ostree/repo');
    await forgeCommit(repo, 'bad', { contents: (await forgeries[what]?.(repo)) ?? '' });
    const open = `Sysroot.open(given.path).then((sysroot) => sysroot`;
    expect(await outcome(`${open}.deploy('bad', { stateroot: 'tiny' }))`, { path })).toBe('CORRUPT');
    expect(await outcome(`${open}.cleanup())`, { path })).toBe('CORRUPT');
    // A deployment stands; that the repository could not be pruned is a warning.
    expect(await outcome(`${open}.deploy('origin:tiny/os', { stateroot: 'tiny' }))`, { path })).toBe('ok');
  });

  it('directories too deep for libostree are TOO_LARGE', async () => {
    const os = await tinyOs();
    const { path } = await os.sysroot();
    const repo = join(path, 'ostree/repo');
    const meta = await forge(repo, 'dirmeta', DIRMETA);
    let contents = await forgeTree(repo, {});
    for (let level = 0; level < 5000; level++)
      contents = await forgeTree(repo, { directories: [['d', contents, meta]] });
    await forgeCommit(repo, 'deep', { contents });
    const open = `Sysroot.open(given.path).then((sysroot) => sysroot`;
    expect(await outcome(`${open}.deploy('deep', { stateroot: 'tiny' }))`, { path })).toBe('TOO_LARGE');
    expect(await outcome(`${open}.cleanup())`, { path })).toBe('TOO_LARGE');
  });
});

describe('a directory that contains itself makes no commit go on for ever', () => {
  const contain = async (path: string, name: string, branch: string) => {
    const meta = await forge(path, 'dirmeta', DIRMETA);
    const contents = await forgeTree(path, { directories: [['dir', name, meta]] }, name);
    await forgeCommit(path, branch, { contents });
  };

  it.each([
    ['under rules', `tree: { ref: 'a' }, owner: { uid: 1, gid: 1 }`],
    ['laid over another', `tree: [{ ref: 'a' }, { ref: 'b' }]`],
    ['on a base', `tree: { ref: 'b' }, base: 'a'`],
  ])('%s', { timeout: 60_000 }, async (_, spec) => {
    const { path } = await cliRepo();
    await contain(path, NAME, 'a');
    await contain(path, OTHER, 'b');
    expect(await outcome(`repo.commit({ ${spec}, branch: 'copy' })`, { repo: path })).toBe('CORRUPT');
  });
});

describe('compressed content that ends early is CORRUPT, by the name of its object', () => {
  const drain = async (stream: Readable) => {
    for await (const _ of stream) continue;
  };
  const calls: Record<string, (repo: Repo) => Promise<unknown>> = {
    commit: (repo) => repo.commit({ tree: { ref: 'main' }, owner: { uid: 1, gid: 1 }, branch: 'copy' }),
    exportTar: (repo) => drain(repo.exportTar('main')),
    'deltas.generate': (repo) => repo.deltas.generate({ to: 'main', from: null }),
  };

  it.each(Object.keys(calls).flatMap((name) => [[name, 100] as const, [name, 2_000_000] as const]))(
    '%s, of a file of %i bytes',
    async (name, size) => {
      const cli = await cliRepo();
      const noise = Buffer.alloc(size);
      for (let i = 0, x = 1; i < size; i++) noise[i] = (x = (x * 48271) % 0x7fffffff) & 0xff;
      await cli.commit('main', { a: 'sound', file: noise, z: 'sound, too' });
      const [checksum = ''] = await checksumsAt(cli.path, 'main', '/file');
      const object = objectFile(cli.path, checksum, 'filez');
      await truncate(object, (await readFile(object)).length - 20);
      await using repo = await Repo.open(cli.path);
      await expect(calls[name]?.(repo)).rejects.toMatchObject({
        code: 'CORRUPT',
        checksum,
        details: { objects: [{ type: 'file', checksum }] },
      });
    },
  );

  it('and what goes on behind its end', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { file: 'content' });
    const longer = await cliRepo();
    await longer.commit('main', { file: 'content, and more of it' });
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/file');
    const [other = ''] = await checksumsAt(longer.path, 'main', '/file');
    const bytes = await readFile(objectFile(cli.path, checksum, 'filez'));
    const more = await readFile(objectFile(longer.path, other, 'filez'));
    const header = (data: Buffer) => 8 + data.readUInt32BE(0);
    const forged = Buffer.concat([bytes.subarray(0, header(bytes)), more.subarray(header(more))]);
    await writeFile(objectFile(cli.path, checksum, 'filez'), forged);
    await using repo = await Repo.open(cli.path);
    await expect(calls['commit']?.(repo)).rejects.toMatchObject({ code: 'CORRUPT', checksum });
  });
});
