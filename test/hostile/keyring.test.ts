// Keys whose owner's name is not UTF-8: libostree (and the command) crash on them
// when they list keys, or describe a signature that does not count.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { runModule } from '../support/child.js';
import { type GpgKey, LATIN_NAME, gpgHome, gpgKey, latinKey } from '../support/gpg.js';
import { type CliRepo, cliRepo, ostree, temporaryDirectory } from '../support/repo.js';
import { objectPath } from '../support/sign.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

// Calls in a process of its own, which a crash would end.
const CALLS = `
  import { Repo } from 'ostree';
  const { path, url } = JSON.parse(process.env.ARGUMENTS);
  const repo = await Repo.open(path);
  const calls = {
    pull: () => repo.pull('origin', { refs: ['main'] }),
    pullLocal: () => repo.pullLocal(new URL(url).pathname, { refs: ['main'], remote: 'origin' }),
    gpgKeys: () => repo.remotes.gpgKeys('origin'),
    summary: () => repo.remotes.summary('origin'),
    refs: () => repo.remotes.refs('origin'),
  };
  const codes = {};
  for (const [name, call] of Object.entries(calls))
    codes[name] = await call().then(() => 'ok', ({ name, code, path, remote }) => [name, code, path, remote]);
  console.log(JSON.stringify(codes));
  await repo.close();
`;

/** What each call said. */
async function callsOn(path: string, url: string, env = {}): Promise<Record<string, unknown>> {
  const ended = await runModule(CALLS, [], { env: { ARGUMENTS: JSON.stringify({ path, url }), ...env } });
  expect(ended, ended.stderr).toMatchObject({ exitCode: 0, signal: undefined });
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

/** A repository whose commit and summary are signed, with signatures that are good no more. */
async function badlySigned(key: GpgKey): Promise<CliRepo> {
  const source = await cliRepo();
  const signing = [`--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`];
  const first = await source.commit('main', { a: '1' }, ...signing);
  const second = await source.commit('main', { a: '2' }, ...signing);
  await source.ostree('summary', '--update', ...signing);
  await writeFile(
    objectPath(source.path, second, 'commitmeta'),
    await readFile(objectPath(source.path, first, 'commitmeta')),
  );
  const signatures = await readFile(join(source.path, 'summary.sig'));
  await source.ostree('summary', '--update', '--add-metadata=x="y"', ...signing);
  await writeFile(join(source.path, 'summary.sig'), signatures);
  return source;
}

/** Trusts a key in each of the ways that libostree knows. */
const TRUST: Record<string, (target: CliRepo, key: GpgKey) => Promise<Record<string, string>>> = {
  async 'the remote’s keyring'(target, key) {
    await writeFile(join(target.path, 'origin.trustedkeys.gpg'), key.publicKeyBytes);
    return {};
  },
  async 'an armoured file of gpgkeypath'(target, key) {
    const file = join(await temporaryDirectory(), 'key.asc');
    await writeFile(file, `${(await gpgKey()).publicKey}\n${key.publicKey}`);
    await target.ostree('config', 'set', 'remote "origin".gpgkeypath', file);
    return {};
  },
  async 'a directory of gpgkeypath'(target, key) {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'key'), key.publicKeyBytes);
    await target.ostree('config', 'set', 'remote "origin".gpgkeypath', `/nowhere,${directory}`);
    return {};
  },
  async 'the keyrings of the system'(_, key) {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'some.gpg'), key.publicKeyBytes);
    return { OSTREE_GPG_HOME: directory };
  },
  async 'a keybox'(target, key) {
    const { path, gpg } = await gpgHome();
    const file = join(path, 'key');
    await writeFile(file, key.publicKeyBytes);
    await gpg('--import', file);
    await writeFile(join(target.path, 'origin.trustedkeys.gpg'), await readFile(join(path, 'pubring.kbx')));
    return {};
  },
};

describe('a key whose owner is not UTF-8', () => {
  it.each(Object.keys(TRUST))('is refused before libostree sees it in %s', async (how) => {
    const key = await latinKey();
    const source = await badlySigned(key);
    const target = await cliRepo();
    const url = `file://${source.path}`;
    await target.ostree('remote', 'add', '--set=gpg-verify-summary=true', 'origin', url);
    const env = await TRUST[how]?.(target, key);
    const refused = ['OstreeError', 'NOT_SUPPORTED', expect.any(String), 'origin'];
    expect(await callsOn(target.path, url, env)).toEqual({
      pull: refused,
      pullLocal: [...refused.slice(0, 3), expect.any(String)],
      gpgKeys: env?.['OSTREE_GPG_HOME'] ? 'ok' : refused, // the system's are not the remote's
      summary: refused,
      refs: refused,
    });
  });

  it('is a line of a sysroot’s status, whatever its signature is worth', async () => {
    const key = await latinKey();
    const os = await tinyOs();
    const signed = await os.publish('2', {}, `--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    const repo = join(path, 'ostree/repo');
    await writeFile(join(repo, 'origin.trustedkeys.gpg'), key.publicKeyBytes);
    await ostree(`--repo=${repo}`, 'config', 'set', 'remote "origin".gpg-verify', 'true');
    const ended = await runModule(
      `import { Sysroot } from 'ostree';
      const sysroot = await Sysroot.open(process.argv[1]);
      console.log(String(await sysroot.status()));
      await sysroot.close();`,
      [path],
    );
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, signal: undefined });
    expect(ended.stdout).toContain(signed);
    expect(ended.stdout).toMatch(/^ {4}GPG: A GPG key has the user ID .*, which is not UTF-8/m);
  });

  it('keeps nobody from pulling where nothing is verified', async () => {
    const key = await latinKey();
    const source = await cliRepo();
    await source.commit('main', { a: '1' });
    await source.ostree('summary', '--update');
    const target = await cliRepo();
    const url = `file://${source.path}`;
    await target.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
    await writeFile(join(target.path, 'origin.trustedkeys.gpg'), key.publicKeyBytes);
    expect(await callsOn(target.path, url)).toMatchObject({
      pull: 'ok',
      pullLocal: 'ok',
      summary: 'ok',
      refs: 'ok',
    });
  });

  it('is not imported, and what was there stays', async () => {
    const latin = await latinKey();
    const good = await gpgKey();
    const target = await cliRepo();
    const repo = await Repo.open(target.path);
    onTestFinished(() => repo.close());
    const keyring = join(target.path, 'origin.trustedkeys.gpg');
    const refused = {
      code: 'NOT_SUPPORTED',
      path: 'origin.trustedkeys.gpg',
      remote: 'origin',
      message: expect.stringContaining(`'${LATIN_NAME.replace('\xf6', '\\xf6')} <latin@example.org>'`),
    };
    await expect(repo.remotes.add('origin', 'http://h/', { gpgKeys: latin.publicKey })).rejects.toMatchObject(
      refused,
    );
    expect(await repo.remotes.list()).toEqual([]);
    await expect(readFile(keyring)).rejects.toMatchObject({ code: 'ENOENT' });

    await repo.remotes.add('origin', 'http://h/', { gpgKeys: good.publicKey });
    const before = await readFile(keyring);
    await expect(repo.remotes.importGpgKeys('origin', latin.publicKey)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(latin.keyId),
    });
    expect(await readFile(keyring)).toEqual(before);
    expect(await repo.remotes.gpgKeys('origin')).toHaveLength(1);
  });

  it('does not stand in the way of those beside it that are chosen', async () => {
    const home = await gpgHome();
    const latin = await latinKey(home);
    const good = await gpgKey(undefined, { home });
    const both = await home.gpg('--armor', '--export');
    const target = await cliRepo();
    const repo = await Repo.open(target.path);
    onTestFinished(() => repo.close());
    await repo.remotes.add('origin', 'http://h/');
    const chosen = (key: GpgKey) => repo.remotes.importGpgKeys('origin', both, { keyIds: [key.keyId] });
    await expect(chosen(latin)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(await chosen(good)).toBe(1);
  });
});

describe('a keyring that cannot be read', () => {
  it('is an error, not the end of the file', async () => {
    const target = await cliRepo();
    await target.ostree('remote', 'add', '--set=gpgkeypath=/proc/self/mem', 'origin', 'http://h/');
    await using repo = await Repo.open(target.path);
    await expect(repo.remotes.gpgKeys('origin')).rejects.toMatchObject({ path: '/proc/self/mem' });
  });
});
