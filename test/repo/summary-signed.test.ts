// While a summary is being signed, those who pull have the old one; then both files change at once.
import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { createRepoHandler, createRepoReceiver, Repo, type Signer } from 'ostree';
import { describe, expect, it } from 'vitest';

import { type GpgKey, gpgKey } from '../support/gpg.js';
import { listen } from '../support/publish.js';
import { type CliRepo, cliRepo } from '../support/repo.js';
import { unsignedCommit } from '../support/sign.js';

const byGpg = (key: GpgKey): Signer => ({ type: 'gpg', keyId: key.keyId, homedir: key.path });

async function files(path: string): Promise<Buffer[]> {
  return await Promise.all(['summary', 'summary.sig'].map((name) => readFile(join(path, name))));
}

async function left(path: string): Promise<string[]> {
  return (await readdir(join(path, 'tmp'))).filter((name) => name.startsWith('summary'));
}

/** One that verifies the summary. */
async function client(url: string, key: GpgKey): Promise<CliRepo> {
  const cli = await cliRepo('bare-user');
  await using repo = await Repo.open(cli.path);
  await repo.remotes.add('origin', url, {
    gpgKeys: key.publicKeyBytes,
    gpgVerify: false,
    gpgVerifySummary: true,
  });
  return cli;
}

describe('while a callback signs', () => {
  it('the old summary is there with its signature, and stays where the callback fails', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const key = await gpgKey();
    await repo.summary.regenerate({ sign: byGpg(key) });
    const before = await files(cli.path);
    const second = await cli.commit('main', { b: 'b' });
    const seen: Buffer[][] = [];
    const sign = async (data: Uint8Array) => {
      seen.push(await files(cli.path));
      return await key.sign(data);
    };
    const failing = { type: 'gpg', sign: () => Promise.reject(new Error('no token')) } as const;
    await expect(
      repo.summary.regenerate({ sign: [byGpg(key), { type: 'gpg', sign }, failing] }),
    ).rejects.toThrow('no token');
    expect(seen).toEqual([before]);
    expect(await files(cli.path)).toEqual(before);
    expect(await left(cli.path)).toEqual([]);
    expect((await repo.summary.read()).refs[0]).toMatchObject({ checksum: commit });

    await repo.summary.regenerate({ sign: { type: 'gpg', sign } });
    expect(seen).toEqual([before, before]);
    expect((await repo.summary.verify({ keys: key.publicKey })).valid).toBe(true);
    expect((await repo.summary.read()).refs[0]).toMatchObject({ checksum: second });
    expect(await left(cli.path)).toEqual([]);
  });

  it('those who pull from a receiver get what was there before', async () => {
    const key = await gpgKey();
    const { repo: source, cli: made, commit } = await unsignedCommit();
    const target = await cliRepo('archive');
    await using repo = await Repo.open(target.path);
    let during: () => Promise<unknown> = async () => {};
    const sign: Signer = {
      type: 'gpg',
      async sign(data) {
        await during();
        return await key.sign(data);
      },
    };
    const receive = createRepoReceiver(repo, { authorize: () => true, sign });
    const serve = createRepoHandler(repo);
    const { url } = await listen((req, res) =>
      req.url?.startsWith('/publish/') ? receive(req, res) : serve(req, res),
    );
    await source.publish(url);
    const second = await made.commit('main', { b: 'b' });
    const puller = await client(url, key);
    const heads: string[] = [];
    during = async () => {
      await puller.ostree('pull', 'origin', 'main');
      heads.push(await puller.ostree('rev-parse', 'origin:main'));
    };
    await source.publish(url);
    await puller.ostree('pull', 'origin', 'main');
    heads.push(await puller.ostree('rev-parse', 'origin:main'));
    expect(heads).toEqual([commit, second]);
  });
});

it('deltas are indexed, and the config says so, whoever asks for the summary', async () => {
  const { repo, cli } = await unsignedCommit();
  const second = await cli.commit('main', { b: 'b' });
  await cli.ostree('static-delta', 'generate', '--empty', 'main');
  await cli.ostree('config', 'unset', 'core.indexed-deltas');
  await repo.summary.regenerate();
  expect(await cli.ostree('config', 'get', 'core.indexed-deltas')).toBe('true');
  expect(await cli.ostree('static-delta', 'indexes')).toContain(second);
  expect((await repo.summary.read()).metadata['ostree.static-deltas']).toHaveProperty(second);
  await cli.ostree('fsck');
});

it('refs of a remote that has a collection are in it, wherever the remote is configured', async () => {
  const { cli, commit } = await unsignedCommit();
  const remotes = join(cli.path, 'remotes.d');
  await execa('mkdir', [remotes]);
  await execa('sh', ['-c', `printf '[remote "far"]\\nurl=http://h/\\ncollection-id=org.example.Far\\n' > ${remotes}/far.conf`]); // prettier-ignore
  await cli.ostree('refs', '--create=far:theirs', commit);
  await using repo = await Repo.open(cli.path, { remotesConfigDir: remotes });
  await repo.summary.regenerate();
  expect((await repo.summary.read()).collections).toMatchObject({
    'org.example.Far': [{ ref: 'theirs', checksum: commit }],
  });
});

it('two summaries of one second differ in the second of their change', async () => {
  const { repo, cli } = await unsignedCommit();
  const key = await gpgKey();
  const times = async () =>
    await Promise.all(
      ['summary', 'summary.sig'].map(async (name) =>
        Math.floor((await stat(join(cli.path, name))).mtimeMs / 1000),
      ),
    );
  await repo.summary.regenerate({ sign: byGpg(key) });
  const [summary = 0, signature = 0] = await times();
  await repo.summary.regenerate({ sign: byGpg(key) });
  const [newSummary = 0, newSignature = 0] = await times();
  expect(newSummary).toBeGreaterThan(summary);
  expect(newSignature).toBeGreaterThan(signature);
});

const cannotTrace = (() => {
  try {
    execFileSync('strace', ['-f', 'true'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
})();
if (cannotTrace)
  console.warn('In which order a summary is put in place is not looked at: strace does not work here');

const root = fileURLToPath(new URL('../..', import.meta.url));
const REGENERATE = `
  import { Repo } from 'ostree';
  const [, path, sign] = process.argv;
  const repo = await Repo.open(path);
  await repo.summary.regenerate({ sign: JSON.parse(sign) });
  await repo.close();`;

it.skipIf(cannotTrace)('the summary comes first, and its signature with the next system call', async () => {
  const { cli } = await unsignedCommit();
  const key = await gpgKey();
  const log = join(cli.path, 'log');
  const calls = 'trace=rename,renameat,renameat2,fsync,fdatasync,openat,write,unlinkat';
  const node = [process.execPath, '--input-type=module', '--eval', REGENERATE, cli.path];
  await execa('strace', ['-f', '-s', '200', '-e', calls, '-e', 'signal=none', '-o', log, ...node, JSON.stringify(byGpg(key))], { cwd: root }); // prettier-ignore
  const lines = (await readFile(log, 'utf8')).split('\n');
  // The last time: before, libostree makes one elsewhere.
  const into = (name: string) =>
    lines.findLastIndex((line) => new RegExp(`rename\\w*\\(.*, "${name}"\\)`).test(line));
  const summary = into('summary');
  expect(summary).toBeGreaterThan(0);
  const thread = (line: string | undefined) => line?.split(' ')[0];
  const next = lines.slice(summary + 1).findIndex((line) => thread(line) === thread(lines[summary]));
  expect(into('summary.sig')).toBe(summary + 1 + next);
  // Nothing is left to be flushed in between.
  expect(lines.slice(0, summary).filter((line) => /\bf(?:data)?sync\(/.test(line)).length).toBeGreaterThan(1);
});
