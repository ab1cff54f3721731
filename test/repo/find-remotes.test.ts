import { existsSync } from 'node:fs';

import { features, type FoundRemote, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { type GpgKey, gpgKey } from '../support/gpg.js';
import { mountedMedium } from '../support/medium.js';
import { nginx } from '../support/nginx.js';
import { cliRepo, type CliRepo, temporaryDirectory } from '../support/repo.js';
import { server } from '../support/server.js';

const COLLECTION = 'org.example.Os';
const MAIN = { collectionId: COLLECTION, ref: 'main' };
const NEXT = { collectionId: COLLECTION, ref: 'os/next' };

interface Source {
  cli: CliRepo;
  url: string;
  main: string;
  next: string;
}

/** A signed repository of a collection, served by nginx. */
async function source(key: GpgKey, content = '1', time = '@1700000000'): Promise<Source> {
  const cli = await cliRepo('archive');
  await cli.ostree('config', 'set', 'core.collection-id', COLLECTION);
  const sign = [`--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`, `--timestamp=${time}`];
  const main = await cli.commit('main', { content, 'usr/b': 'b' }, ...sign);
  const next = await cli.commit('os/next', { next: 'next' }, ...sign);
  await cli.ostree('summary', '--update', ...sign.slice(0, 2));
  const { url } = await nginx(cli.path);
  return { cli, url, main, next };
}

/** A repository that trusts the key for what comes from a remote of the collection. */
async function target(key: GpgKey, remotes: Record<string, string>): Promise<{ cli: CliRepo; repo: Repo }> {
  const cli = await cliRepo('bare-user');
  const repo = await Repo.open(cli.path);
  for (const [name, url] of Object.entries(remotes))
    await repo.remotes.add(name, url, { collectionId: COLLECTION, gpgKeys: key.publicKeyBytes });
  return { cli, repo };
}

/** What the command prints of remotes: URL, finder and priority; then refs with their commits. */
function printed(found: FoundRemote[]): string[] {
  const types = { config: 'Config', mount: 'Mount', lan: 'Avahi', url: 'Override' };
  return found.flatMap(({ url, finder, priority, refs }) => [
    `${url} OstreeRepoFinder${types[finder]} ${priority}`,
    ...refs.map(
      ({ collectionId, ref, checksum }) => `(${collectionId}, ${ref}) = ${checksum ?? '(not found)'}`,
    ),
  ]);
}

async function byCommand(cli: CliRepo, ...args: string[]): Promise<string[]> {
  const lines = (await cli.ostree('find-remotes', ...args)).split('\n');
  const field = (name: string) =>
    lines.filter((line) => line.startsWith(` - ${name}: `)).map((l) => l.split(': ')[1]);
  const refs = lines.filter((line) => /^ {3} - \(/.test(line)).map((line) => line.slice(6));
  const urls = lines
    .filter((line) => /^Result \d+: /.test(line))
    .map((line) => line.replace(/^Result \d+: /, ''));
  const remotes = urls.map((url, i) => `${url} ${field('Finder')[i]} ${field('Priority')[i]}`);
  return [...remotes, ...refs].sort();
}

describe('findRemotes', () => {
  it('finds in the config what the command finds, the newest commits alone', async () => {
    const key = await gpgKey();
    const old = await source(key);
    const fresh = await source(key, '2', '@1700001000');
    const { cli, repo } = await target(key, { old: old.url, fresh: fresh.url });
    await using closing = repo;
    const found = await closing.findRemotes([MAIN, NEXT], { finders: ['config'] });
    const args = ['--finders=config', COLLECTION, 'main', COLLECTION, 'os/next'];
    expect(printed(found).sort()).toEqual(await byCommand(cli, ...args));
    const of = (name: string) => found.find((remote) => remote.name === name);
    expect(of('fresh')).toEqual({
      name: 'fresh',
      finder: 'config',
      url: fresh.url,
      priority: 100,
      summaryLastModified: expect.any(Date),
      refs: [
        { ...MAIN, checksum: fresh.main, timestamp: new Date(1_700_001_000_000) },
        { ...NEXT, checksum: expect.any(String), timestamp: expect.any(Date) },
      ],
    });
    expect(of('old')?.refs[0] ?? { checksum: null }).toMatchObject({ checksum: null });
    expect(JSON.stringify(found)).toContain(fresh.main);
  });

  it('finds nothing where nobody has it, and without finders named looks where libostree does', async () => {
    const key = await gpgKey();
    const { url, main } = await source(key);
    const { repo } = await target(key, { origin: url });
    await using closing = repo;
    expect(await closing.findRemotes([{ ...MAIN, ref: 'nothing' }])).toEqual([]);
    expect(await closing.findRemotes([{ ...MAIN, collectionId: 'org.example.Other' }])).toEqual([]);
    expect(await closing.findRemotes([MAIN])).toMatchObject([{ name: 'origin', refs: [{ checksum: main }] }]);
    await closing.remotes.add('dead', 'http://127.0.0.1:9/', { collectionId: COLLECTION, gpgVerify: false });
    expect(await closing.findRemotes([MAIN])).toMatchObject([{ name: 'origin' }]);
  });

  it('looks at URLs, with the keys of the collection, and for given commits', async () => {
    const key = await gpgKey();
    const { cli: original, main } = await source(key);
    const { repo } = await target(key, { origin: 'http://127.0.0.1:9/' });
    await using closing = repo;
    const medium = await temporaryDirectory();
    await using maker = await Repo.open(original.path);
    const { path } = await maker.createUsb(medium, { refs: [MAIN] });
    const finders = [{ url: `file://${path}` }];
    const found = await closing.findRemotes([MAIN], { finders });
    expect(found).toMatchObject([
      { finder: 'url', url: `file://${path}`, priority: 20, refs: [{ checksum: main }] },
    ]);
    const given = await closing.findRemotes([{ ...MAIN, checksum: main }], { finders });
    expect(given).toMatchObject([{ refs: [{ checksum: main, timestamp: null }] }]);
    const result = await closing.pullFromRemotes(found);
    expect(result.refs).toEqual([{ ...MAIN, old: null, new: main }]);
    expect(await closing.resolveRev('origin:main')).toBe(main);
  });

  it('finds on a mounted medium what the command finds there', async (context) => {
    const key = await gpgKey();
    const { cli: original, main } = await source(key);
    const { cli, repo } = await target(key, { origin: 'http://127.0.0.1:9/' });
    await using closing = repo;
    const medium = await mountedMedium(context);
    await using maker = await Repo.open(original.path);
    const { path } = await maker.createUsb(medium, { refs: [MAIN] });
    const found = await closing.findRemotes([MAIN], { finders: ['mount'] });
    expect(printed(found).sort()).toEqual(await byCommand(cli, '--finders=mount', COLLECTION, 'main'));
    expect(found).toMatchObject([{ finder: 'mount', url: `file://${path}`, refs: [{ checksum: main }] }]);
    await closing.pullFromRemotes(found);
    expect(await cli.ostree('rev-parse', 'origin:main')).toBe(main);
  });

  it('says that the local network cannot be asked', async ({ skip }) => {
    if (existsSync('/run/avahi-daemon/socket')) skip('the Avahi daemon runs here');
    const key = await gpgKey();
    const { repo } = await target(key, {});
    await using closing = repo;
    const code = features['avahi'] === true ? 'NOT_FOUND' : 'NOT_SUPPORTED';
    await expect(closing.findRemotes([MAIN], { finders: ['lan'] })).rejects.toMatchObject({ code });
    await closing.config.set('core.default-repo-finders', ['config', 'lan']);
    expect(await closing.findRemotes([MAIN])).toEqual([]);
  });

  it('ends at once when aborted, whatever the server does', async () => {
    const key = await gpgKey();
    const { cli } = await source(key);
    const { url, asked } = await server(cli.path, () => false);
    const { repo } = await target(key, { origin: url });
    await using closing = repo;
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = closing.findRemotes([MAIN], { finders: ['config'], signal: controller.signal });
    await Promise.race([asked('summary.sig'), asked('summary'), waiting.catch(() => {})]);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(closing.findRemotes([MAIN], { signal: controller.signal })).rejects.toBe(reason);
  });

  it('may run side by side', async () => {
    const key = await gpgKey();
    const { url } = await source(key);
    const { repo } = await target(key, { origin: url });
    await using closing = repo;
    const all = await Promise.all(Array.from({ length: 6 }, () => closing.findRemotes([MAIN, NEXT])));
    for (const found of all) expect(found).toEqual(all[0]);
  });

  it('refuses bad arguments', async () => {
    const { repo } = await target(await gpgKey(), {});
    await using closing = repo;
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const tries: [unknown, unknown, object][] = [
      [undefined, undefined, type],
      [[], undefined, value],
      [['main'], undefined, type],
      [[{ ...MAIN, collectionId: 'x' }], undefined, value],
      [[{ ...MAIN, ref: '/' }], undefined, value],
      [[{ ...MAIN, checksum: '0'.repeat(64) }, NEXT], undefined, value],
      [[MAIN], { finders: [] }, value],
      [[MAIN], { finders: ['usb'] }, value],
      [[MAIN], { finders: ['config', 'config'] }, value],
      [[MAIN], { finders: [{ url: 'ftp://x' }] }, value],
      [[MAIN], { finders: [{ url: `file:///${'x'.repeat(5000)}` }] }, value],
      [[MAIN], { finders: [1] }, type],
      [[MAIN], { networkRetries: -1 }, value],
      [[MAIN], { retries: 1 }, value],
    ];
    for (const [refs, options, error] of tries)
      await expect(closing.findRemotes(refs as never, options as never)).rejects.toMatchObject(error);
    await closing.close();
    await expect(closing.findRemotes([MAIN])).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('pullFromRemotes', () => {
  it('pulls what was found, as the command does', async () => {
    const key = await gpgKey();
    const { url, main, next } = await source(key);
    const { cli, repo } = await target(key, { origin: url });
    await using closing = repo;
    const found = await closing.findRemotes([MAIN, NEXT]);
    const phases = new Set<string>();
    const onProgress = ({ phase }: { phase: string }) => void phases.add(phase);
    const result = await closing.pullFromRemotes(found, { onProgress });
    expect(result).toMatchObject({
      refs: [
        { ...MAIN, old: null, new: main },
        { ...NEXT, old: null, new: next },
      ],
    });
    expect(phases.size).toBeGreaterThan(0);
    const theirs = await target(key, { origin: url });
    await using other = theirs.repo;
    await theirs.cli.ostree('find-remotes', '--pull', COLLECTION, 'main', COLLECTION, 'os/next');
    expect(await closing.listRefs()).toEqual(await other.listRefs());
    expect(await cli.ostree('fsck')).toContain('object');
    expect((await other.fsck()).verdict).toBe('ok');
    expect((await closing.fsck()).verdict).toBe('ok');
    const again = await closing.pullFromRemotes(await closing.findRemotes([MAIN]));
    expect(again.refs).toEqual([{ ...MAIN, old: main, new: main }]);
  });

  it('mirrors, and pulls history and parts of trees', async () => {
    const key = await gpgKey();
    const { cli: original, url, main } = await source(key);
    const sign = [`--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`];
    const second = await original.commit('main', { content: '2', 'usr/b': 'b' }, ...sign);
    await original.ostree('summary', '--update', ...sign);
    const { cli, repo } = await target(key, { origin: url });
    await using closing = repo;
    const found = await closing.findRemotes([MAIN]);
    await closing.pullFromRemotes(found, { mirror: true, depth: -1, deltas: 'off' });
    expect(await cli.ostree('refs', '-c')).toBe(`(${COLLECTION}, main)`);
    expect((await closing.readCommit(main)).state).toBe('normal');
    const part = await target(key, { origin: url });
    await using partial = part.repo;
    await partial.pullFromRemotes(await partial.findRemotes([MAIN]), { subdirs: ['/usr'] });
    expect(await partial.readFile(second, '/usr/b', 'utf8')).toBe('b');
    expect((await partial.readCommit(second)).state).toBe('partial');
  });

  it('takes what it cannot have from one remote from the next', async () => {
    const key = await gpgKey();
    const { cli, main } = await source(key);
    const bad = await server(cli.path, (path, response) => {
      if (!path.startsWith('/objects/')) return true;
      response.writeHead(404).end();
      return false;
    });
    const { url } = await nginx(cli.path);
    const { repo } = await target(key, { bad: bad.url, good: url });
    await using closing = repo;
    const found = await closing.findRemotes([MAIN]);
    const ordered = [...found].sort((a, b) => a.name.localeCompare(b.name));
    expect(ordered.map(({ name }) => name)).toEqual(['bad', 'good']);
    expect((await closing.pullFromRemotes(ordered)).refs).toEqual([{ ...MAIN, old: null, new: main }]);
    expect(bad.requests.some((path) => path.startsWith('/objects/'))).toBe(true);
  });

  it('takes nothing whose signature does not count', async () => {
    const key = await gpgKey();
    const { url } = await source(key);
    const { repo } = await target(await gpgKey('Other <other@example.org>'), {});
    await using closing = repo;
    await closing.remotes.add('origin', url, { collectionId: COLLECTION, gpgVerify: false });
    const stranger = await gpgKey('Third <third@example.org>');
    await closing.remotes.importGpgKeys('origin', stranger.publicKeyBytes);
    const found = await closing.findRemotes([MAIN]);
    expect(found).toHaveLength(1);
    await expect(closing.pullFromRemotes(found)).rejects.toMatchObject({
      code: 'SIGNATURE',
      details: { reasons: [expect.objectContaining({ type: 'gpg' })] },
    });
    expect(await closing.listRefs()).toEqual([]);
  });

  it('ends at once when aborted, whatever the server does', async () => {
    const key = await gpgKey();
    const { cli } = await source(key);
    const { url, asked } = await server(cli.path, (path) => !path.endsWith('.filez'));
    const { repo } = await target(key, { origin: url });
    await using closing = repo;
    const found = await closing.findRemotes([MAIN]);
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = closing.pullFromRemotes(found, { signal: controller.signal });
    await Promise.race([asked('.filez'), waiting.catch(() => {})]);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(closing.pullFromRemotes(found, { stallTimeout: 200 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
    });
  });

  it('refuses bad arguments', async () => {
    const key = await gpgKey();
    const { url } = await source(key);
    const { repo } = await target(key, { origin: url });
    await using closing = repo;
    const found = await closing.findRemotes([MAIN]);
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const tries: [unknown, unknown, object][] = [
      [undefined, undefined, type],
      [[], undefined, value],
      [[{ ...found[0] }], undefined, type],
      [[null], undefined, type],
      [found, { depth: -2 }, value],
      [found, { mirror: 1 }, type],
      [found, { deltas: 'required' }, value],
      [found, { subdirs: ['usr'] }, value],
      [found, { stallTimeout: 5 }, value],
      [found, { keyrings: [{ ...MAIN, remote: '' }] }, value],
      [found, { httpHeaders: { 'a b': 'c' } }, value],
      [found, { gpgVerify: false }, value],
    ];
    for (const [remotes, options, error] of tries)
      await expect(closing.pullFromRemotes(remotes as never, options as never)).rejects.toMatchObject(error);
  });
});
