// flatpak, a program that is neither ours nor libostree's: it installs what we publish, and we pull what it publishes.
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { Repo, Variant } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import {
  arch,
  type Bundle,
  flatpakMissing,
  flatpakUser,
  sandboxWorks,
  tinyApp,
  tinyRuntime,
} from '../support/flatpak.js';
import { type GpgKey, gpgKey } from '../support/gpg.js';
import { nginx } from '../support/nginx.js';
import { cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';

if (flatpakMissing)
  console.warn(`flatpak is not tested: there is no ${flatpakMissing}; scripts/flatpak-test installs it`);
else if (!sandboxWorks)
  console.warn('The app is installed but not run: bubblewrap may not make a sandbox here');

/** flatpak has its numbers big-endian. */
function bigEndian(number: number): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes.readBigUInt64LE();
}

const signer = (key: GpgKey) => ({ type: 'gpg' as const, keyId: key.keyId, homedir: key.path });

/** A repository of ours, as flatpak wants one. */
async function flatpakRepo() {
  const key = await gpgKey();
  const path = join(await temporaryDirectory(), 'repo');
  const repo = await Repo.create(path, { mode: 'archive' });
  onTestFinished(() => repo.close());
  const cache: Record<string, [bigint, bigint, string]> = {};

  async function commit({ ref, metadata, files }: Bundle): Promise<string> {
    const [installed, download] = [bigEndian(2_000_000), bigEndian(1_000_000)];
    const result = await repo.commit({
      branch: ref,
      tree: { files },
      canonicalPermissions: true,
      sign: signer(key),
      metadata: {
        'xa.ref': ref,
        'xa.metadata': metadata,
        'xa.installed-size': new Variant('t', installed),
        'xa.download-size': new Variant('t', download),
      },
    });
    cache[ref] = [installed, download, metadata];
    return result.checksum;
  }

  let second = Math.floor(Date.now() / 1000);
  /** flatpak looks for what it knows of a ref in the summary, by bisection. */
  async function summarise(by: GpgKey = key): Promise<void> {
    const sorted = Object.fromEntries(Object.entries(cache).sort(([a], [b]) => (a < b ? -1 : 1)));
    await repo.summary.regenerate({
      sign: signer(by),
      metadata: {
        'xa.title': 'Example',
        'xa.cache': new Variant('v', new Variant('a{s(tts)}', sorted)),
        'xa.cache-version': new Variant('u', 2),
      },
    });
    // nginx tells versions of a file apart by its size and second, and two of these may have both in common.
    second++;
    for (const name of ['summary', 'summary.sig']) await utimes(join(path, name), second, second);
  }
  return { path, repo, key, commit, summarise };
}

describe.skipIf(flatpakMissing)('flatpak', () => {
  it('installs, runs and updates what we publish, and refuses what a stranger signed', async () => {
    const { path, repo, key, commit, summarise } = await flatpakRepo();
    await commit(await tinyRuntime());
    const one = await commit(tinyApp('1'));
    await repo.deltas.generate({ from: null, to: one });
    await repo.deltas.reindex();
    await summarise();
    const { url, log } = await nginx(path);

    const { home, run } = await flatpakUser();
    await writeFile(join(home, 'key.asc'), key.publicKey);
    const flatpak = (...args: string[]) => run('flatpak', '--user', ...args);
    const app = 'org.example.Hello';
    const version = () =>
      readFile(join(home, 'data/flatpak/app', app, 'current/active/files/share/version'), 'utf8');
    const says = async () =>
      sandboxWorks ? await run('flatpak', 'run', app) : `${app} ${await version()}`.trim();

    await flatpak('remote-add', `--gpg-import=${home}/key.asc`, 'example', url);
    expect(await flatpak('remote-ls', '--columns=ref', 'example')).toBe(
      `app/${app}/${arch()}/stable\nruntime/org.example.Platform/${arch()}/stable`,
    );
    await flatpak('install', '--noninteractive', 'example', app);
    expect(await says()).toBe(`${app} 1`);
    expect((await log()).join('\n')).toMatch(/superblock 200/);

    const two = await commit(tinyApp('2'));
    await repo.deltas.generate({ from: one, to: two });
    await repo.deltas.reindex();
    await summarise();
    await flatpak('update', '--noninteractive');
    expect(await says()).toBe(`${app} 2`);
    expect(await flatpak('info', '--show-commit', app)).toBe(two);
    // What it has of us is whole.
    const client = join(home, 'data/flatpak/repo');
    expect(await ostree('fsck', `--repo=${client}`)).toContain('no errors found');
    await using theirs = await Repo.open(client);
    expect(await theirs.fsck()).toMatchObject({ verdict: 'ok' });
    expect(await theirs.resolveRev(`example:app/${app}/${arch()}/stable`)).toBe(two);

    await commit(tinyApp('3'));
    await summarise(await gpgKey('Stranger <stranger@example.org>'));
    await expect(flatpak('remote-info', 'example', app)).rejects.toThrow(/public key not found/);
    await flatpak('update', '--noninteractive');
    expect(await says()).toBe(`${app} 2`);
  });

  it('publishes what we mirror, verify and read', async () => {
    const key = await gpgKey();
    const dir = await temporaryDirectory();
    const path = join(dir, 'repo');
    const sign = [`--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`];
    const build = async (version: string) => {
      const { metadata } = tinyApp(version);
      await writeTree(join(dir, version), {
        metadata,
        'files/share/version': `${version}\n`,
        'files/bin/hello': 'x',
      });
      await mkdir(join(dir, version, 'export'), { recursive: true });
      await execa('flatpak', [
        'build-export',
        '--disable-sandbox',
        ...sign,
        path,
        join(dir, version),
        'stable',
      ]);
    };
    await build('1');
    await build('2');
    await execa('flatpak', [
      'build-update-repo',
      '--generate-static-deltas',
      '--title=Example',
      ...sign,
      path,
    ]);
    const { url } = await nginx(path);
    const ref = `app/org.example.Hello/${arch()}/stable`;

    const mirror = await cliRepo('archive');
    await using repo = await Repo.open(mirror.path);
    await repo.remotes.add('flatpak', url, { gpgKeys: key.publicKeyBytes, gpgVerifySummary: true });
    const offered = await repo.remotes.refs('flatpak');
    await repo.pull('flatpak', { mirror: true, depth: -1 });
    expect(await repo.resolveRev(ref)).toBe(await ostree('rev-parse', `--repo=${path}`, ref));
    expect(await repo.readFile(ref, 'files/share/version', 'utf8')).toBe('2\n');
    expect(await repo.readFile(`${ref}^`, 'files/share/version', 'utf8')).toBe('1\n');
    expect((await repo.readCommit(ref)).metadata['xa.metadata']).toBe(tinyApp('2').metadata);
    await repo.verify(ref, { remote: 'flatpak' });
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok' });
    expect(await mirror.ostree('fsck')).toContain('no errors found');
    expect(offered.map((o) => o.ref)).toContain(ref);

    // Its summary is read as one of ours.
    await using theirs = await Repo.open(path);
    const summary = await theirs.summary.read();
    expect(summary.metadata).toMatchObject({ 'xa.title': 'Example' });
    await theirs.summary.verify({ keys: key.publicKey });

    const client = await cliRepo('bare-user-only');
    await using small = await Repo.open(client.path);
    await small.remotes.add('flatpak', url, { gpgKeys: key.publicKeyBytes, gpgVerifySummary: true });
    const pulled = await small.pull('flatpak', { refs: [ref], deltas: 'required' });
    expect(pulled.deltaParts.fetched).toBeGreaterThan(0);
    expect(await client.ostree('fsck')).toContain('no errors found');
  });
});
