import { chmod, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { gpgKey } from '../support/gpg.js';
import { nginx } from '../support/nginx.js';
import { checksumsAt, cliFsck, copyRepo, objectFile } from '../support/objects.js';
import { cliRepo, type CliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

const FILES = {
  'etc/hosts': 'localhost',
  'usr/bin/tool': '#!/bin/sh',
  'usr/share/doc/readme': 'read me',
  'usr/share/doc/licence': 'free',
  'usr/share/big': 'x'.repeat(100_000),
};

interface Fixture {
  source: CliRepo;
  cli: CliRepo;
  repo: Repo;
  mode: string;
  /** The commits of main, the oldest first. */
  commits: [string, string];
  /** The objects that were fetched since: their extensions. */
  fetched: () => Promise<string[]>;
}

/** A repository that pulled two commits from one served by nginx. */
async function fixture(mode: string): Promise<Fixture> {
  const source = await cliRepo('archive');
  const first = await source.commit('main', FILES);
  const second = await source.commit('main', { ...FILES, 'etc/version': '2' });
  await source.ostree('summary', '--update');
  const { url, log } = await nginx(source.path);
  const cli = await cliRepo(mode);
  const repo = await Repo.open(cli.path);
  await repo.remotes.add('origin', url, { gpgVerify: false });
  await repo.pull('origin', { refs: ['main'], depth: -1 });
  const before = (await log()).length;
  const fetched = async () => {
    const objects = (await log()).slice(before).filter((line) => /^GET \/objects\/.* 200$/.test(line));
    return objects.map((line) => /\.(?<extension>\w+) 200$/.exec(line)?.groups?.['extension'] ?? line).sort();
  };
  return { source, cli, repo, mode, commits: [first, second], fetched };
}

async function overwrite(path: string, content = 'rubbish'): Promise<void> {
  await chmod(path, 0o644);
  await truncate(path, 0);
  await writeFile(path, content);
}

async function file({ cli, mode }: Fixture, path: string): Promise<string> {
  const [checksum = ''] = await checksumsAt(cli.path, 'main', path);
  return objectFile(cli.path, checksum, mode === 'archive' ? 'filez' : 'file');
}

async function metadata({ cli }: Fixture, path: string, which: 'dirtree' | 'dirmeta'): Promise<string> {
  const checksums = await checksumsAt(cli.path, 'main', path);
  return objectFile(cli.path, checksums[which === 'dirtree' ? 0 : 1] ?? '', which);
}

interface Damage {
  name: string;
  modes: string[];
  damage: (f: Fixture) => Promise<void>;
  /** What is fetched again: extensions of objects. */
  fetched: string[];
  kinds: string[];
}

const ALL = ['archive', 'bare-user', 'bare-user-only', 'bare'];
const SOME = ['archive', 'bare-user'];

const damages: Damage[] = [
  {
    name: 'a missing file',
    modes: ALL,
    damage: async (f) => rm(await file(f, '/etc/hosts')),
    fetched: ['filez'],
    kinds: ['missing'],
  },
  {
    name: 'a corrupt file',
    modes: ALL,
    damage: async (f) => overwrite(await file(f, '/usr/share/big')),
    fetched: ['filez'],
    kinds: ['corrupt'],
  },
  {
    name: 'an empty file',
    modes: SOME,
    damage: async (f) => truncate(await file(f, '/usr/bin/tool'), 0),
    fetched: ['filez'],
    kinds: ['corrupt'],
  },
  {
    name: 'a missing directory',
    modes: SOME,
    damage: async (f) => rm(await metadata(f, '/usr/share', 'dirtree')),
    fetched: ['dirtree'],
    kinds: ['missing'],
  },
  {
    name: 'a corrupt directory with a corrupt file below',
    modes: ALL,
    damage: async (f) => {
      await overwrite(await file(f, '/usr/share/doc/readme'));
      await overwrite(await metadata(f, '/usr/share', 'dirtree'));
    },
    fetched: ['dirtree', 'filez'],
    kinds: ['corrupt', 'corrupt'],
  },
  {
    name: 'corrupt directory metadata',
    modes: SOME,
    damage: async (f) => overwrite(await metadata(f, '/', 'dirmeta')),
    fetched: ['dirmeta'],
    kinds: ['corrupt'],
  },
  {
    name: 'a missing commit',
    modes: SOME,
    damage: async ({ cli, commits }) => rm(objectFile(cli.path, commits[1], 'commit')),
    fetched: ['commit'],
    kinds: ['missing'],
  },
  {
    name: 'a corrupt commit',
    modes: SOME,
    damage: async ({ cli, commits }) => overwrite(objectFile(cli.path, commits[1], 'commit')),
    fetched: ['commit'],
    kinds: ['corrupt'],
  },
  {
    name: 'several at once',
    modes: SOME,
    damage: async (f) => {
      await rm(await file(f, '/etc/hosts'));
      await overwrite(await file(f, '/etc/version'));
      await overwrite(await metadata(f, '/usr/share/doc', 'dirtree'));
    },
    fetched: ['dirtree', 'filez', 'filez'],
    kinds: ['corrupt', 'corrupt', 'missing'],
  },
  {
    name: 'what an earlier fsck deleted',
    modes: SOME,
    damage: async (f) => {
      await overwrite(await file(f, '/usr/bin/tool'));
      await f.repo.fsck({ delete: true });
    },
    fetched: ['filez'],
    kinds: ['fsck-partial', 'fsck-partial'],
  },
];

const cases = damages.flatMap((damage) => damage.modes.map((mode) => ({ ...damage, mode })));

async function leftovers(repo: string): Promise<string[]> {
  const aside = (await readdir(join(repo, 'tmp'))).filter((name) => name.startsWith('repair-'));
  const marks = (await readdir(join(repo, 'state'))).filter((name) => name.endsWith('.commitpartial'));
  return [...aside, ...marks];
}

describe('fsck that repairs', () => {
  it.each(cases)('fetches $name again, and nothing else ($mode)', async (example) => {
    const f = await fixture(example.mode);
    await using repo = f.repo;
    await example.damage(f);
    expect(await cliFsck(await copyRepo(f.cli.path))).toBe(false);
    const report = await repo.fsck({ repair: 'origin' });
    expect(report.findings.map(({ kind }) => kind).sort()).toEqual(example.kinds);
    expect(report.findings.filter(({ repaired }) => !repaired)).toEqual([]);
    expect(report.verdict).toBe('ok');
    expect((await f.fetched()).filter((extension) => extension !== 'commitmeta')).toEqual(example.fetched);
    expect(await leftovers(f.cli.path)).toEqual([]);
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok', findings: [] });
    expect(await cliFsck(f.cli.path)).toBe(true);
  });

  it('asks the remote for nothing where nothing is wrong', async () => {
    const { repo, fetched } = await fixture('archive');
    await using closing = repo;
    expect(await closing.fsck({ repair: 'origin' })).toMatchObject({ verdict: 'ok', findings: [] });
    expect(await fetched()).toEqual([]);
  });

  it('puts back what the remote does not have, says so, and repairs the rest', async () => {
    const f = await fixture('archive');
    await using repo = f.repo;
    const lost = await file(f, '/usr/share/doc/readme');
    const gone = await file(f, '/usr/share/doc/licence');
    await rm(lost.replace(f.cli.path, f.source.path));
    await rm(gone.replace(f.cli.path, f.source.path));
    await overwrite(await file(f, '/etc/hosts'));
    await overwrite(lost, 'half of it');
    await rm(gone);
    const report = await repo.fsck({ repair: 'origin' });
    expect(report.verdict).toBe('corrupt');
    const at = (path: string) => report.findings.find(({ paths }) => paths.includes(path));
    expect(at('/etc/hosts')).toMatchObject({ kind: 'corrupt', repaired: true });
    expect(at('/usr/share/doc/readme')).toMatchObject({
      kind: 'corrupt',
      repaired: false,
      notRepaired: expect.stringContaining('404'),
    });
    expect(at('/usr/share/doc/licence')).toMatchObject({ kind: 'missing', repaired: false });
    expect(await readFile(lost, 'utf8')).toBe('half of it');
    expect(await leftovers(f.cli.path)).toEqual([]);
    expect((await repo.fsck()).findings.map(({ kind }) => kind).sort()).toEqual(['corrupt', 'missing']);
  });

  it('applies the other options to what is left', async () => {
    const f = await fixture('bare-user');
    await using repo = f.repo;
    const lost = await file(f, '/usr/share/doc/readme');
    await rm(lost.replace(f.cli.path, f.source.path).replace(/file$/, 'filez'));
    await overwrite(lost);
    const report = await repo.fsck({ repair: 'origin', delete: true });
    expect(report).toMatchObject({
      verdict: 'corrupt',
      findings: [{ kind: 'corrupt', deleted: true, repaired: false }],
    });
    expect([...report.markedPartial].sort()).toEqual([...f.commits].sort());
    await expect(stat(lost)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes nothing that is not what its checksum says', async () => {
    const f = await fixture('archive');
    await using repo = f.repo;
    const path = await file(f, '/etc/hosts');
    await overwrite(path.replace(f.cli.path, f.source.path), 'a lie');
    await overwrite(path, 'was here');
    const report = await repo.fsck({ repair: 'origin' });
    expect(report).toMatchObject({ verdict: 'corrupt', findings: [{ kind: 'corrupt', repaired: false }] });
    expect(await readFile(path, 'utf8')).toBe('was here');
  });

  it('takes a commit only when its signature counts', async () => {
    const key = await gpgKey();
    const stranger = await gpgKey('Other <other@example.org>');
    const source = await cliRepo('archive');
    const commit = await source.commit('main', FILES, `--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    const { url } = await nginx(source.path);
    await repo.remotes.add('origin', url);
    await repo.remotes.importGpgKeys('origin', key.publicKeyBytes);
    await repo.pull('origin', { refs: ['main'] });
    await repo.remotes.add('unknown', url);
    await repo.remotes.importGpgKeys('unknown', stranger.publicKeyBytes);
    await overwrite(objectFile(cli.path, commit, 'commit'));
    expect(await repo.fsck({ repair: 'unknown' })).toMatchObject({
      verdict: 'corrupt',
      findings: [{ repaired: false, notRepaired: expect.stringMatching(/signature/i) }],
    });
    expect(await repo.fsck({ repair: 'origin' })).toMatchObject({ verdict: 'ok' });
    expect(await cliFsck(cli.path)).toBe(true);
  });

  it('repairs from another repository of this machine', async () => {
    const f = await fixture('bare-user');
    await using repo = f.repo;
    await overwrite(await file(f, '/etc/hosts'));
    const report = await repo.fsck({ repair: `file://${f.source.path}` });
    expect(report).toMatchObject({ verdict: 'ok', findings: [{ repaired: true }] });
    expect(await cliFsck(f.cli.path)).toBe(true);
  });

  it('aborted while it fetches, leaves the repository as it was', async () => {
    const source = await cliRepo('archive');
    await source.commit('main', FILES);
    await source.ostree('summary', '--update');
    let stall = () => {};
    const stalled = new Promise<void>((resolve) => (stall = resolve));
    let stalls = false;
    const { url } = await server(source.path, (path) => {
      if (!stalls || !path.endsWith('.commitmeta')) return true;
      stall();
      return false;
    });
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    await repo.remotes.add('origin', url, { gpgVerify: false });
    await repo.pull('origin', { refs: ['main'] });
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/etc/hosts');
    const path = objectFile(cli.path, checksum, 'filez');
    await overwrite(path, 'was here');
    stalls = true;
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = repo.fsck({ repair: 'origin', signal: controller.signal });
    await Promise.race([stalled, waiting.catch(() => {})]);
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' }); // it was set aside
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await readFile(path, 'utf8')).toBe('was here');
    expect(await leftovers(cli.path)).toEqual([]);
  });

  it('says that there is no such remote, and refuses bad arguments', async () => {
    const f = await fixture('archive');
    await using repo = f.repo;
    await overwrite(await file(f, '/etc/hosts'));
    expect(await repo.fsck({ repair: 'nobody' })).toMatchObject({
      verdict: 'corrupt',
      findings: [{ repaired: false, notRepaired: expect.stringContaining('nobody') }],
    });
    await expect(repo.fsck({ repair: 1 as never })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(repo.fsck({ repair: 'x/../y' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(repo.fsck({ repair: '' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await repo.transaction(async (txn) => {
      await expect(txn.repo.fsck({ repair: 'origin' })).rejects.toMatchObject({ code: 'LOCKED' });
    });
  });
});
