// Signatures, summaries and static deltas.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { expect } from 'vitest';

import { gpgKey } from '../../support/gpg.js';
import { cliRepo, temporaryDirectory } from '../../support/repo.js';
import { ed25519Key } from '../../support/sign.js';
import { lines, pair, type Rows } from './pair.js';

/** The engine that every libostree has: its signature is the key itself. */
const dummy = { type: 'dummy', sign: () => Buffer.from('key') };

async function withDummy(...args: string[]): Promise<string> {
  const { stdout } = await execa('ostree', args, { env: { OSTREE_DUMMY_SIGN_ENABLED: '1' } });
  return stdout;
}

export const signRows: Rows = {
  'ostree gpg-sign': async () => {
    const { ours, theirs, theirPath, same, commits } = await pair();
    const commit = commits.at(-1) ?? '';
    const key = await gpgKey();
    await ours.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    await theirs('gpg-sign', `--gpg-homedir=${key.path}`, commit, key.keyId);
    await same();
    expect(await ours.verify(commit, { keys: { type: 'gpg', publicKey: key.publicKeyBytes } })).toMatchObject(
      {
        valid: true,
      },
    );
    // The command knows a key to delete the signatures of only from the system's keyrings.
    const keyring = await temporaryDirectory();
    await writeFile(join(keyring, 'key.gpg'), key.publicKeyBytes);
    const args = [`--repo=${theirPath}`, 'gpg-sign', '--delete', commit, key.keyId];
    const { stdout } = await execa('ostree', args, { env: { OSTREE_GPG_HOME: keyring } });
    expect(stdout).toContain('Signatures deleted: 1');
    expect(await ours.removeSignatures(commit, { type: 'gpg', keyIds: [key.keyId] })).toBe(1);
    expect((await ours.readCommit(commit)).detachedMetadata).toEqual({});
  },

  'ostree sign': async () => {
    const { ours, commits, theirPath, same } = await pair();
    const commit = commits.at(-1) ?? '';
    await ours.sign(commit, dummy);
    await withDummy(`--repo=${theirPath}`, 'sign', '--sign-type=dummy', commit, 'key');
    await same();
    await using other = await Repo.open(theirPath);
    const metadata = (await ours.readCommit(commit)).detachedMetadata;
    expect(metadata).toEqual((await other.readCommit(commit)).detachedMetadata);
    const verify = ['sign', '--verify', '--sign-type=dummy', commit, 'key'];
    expect(await withDummy(`--repo=${ours.path}`, ...verify)).toContain('Signature verified');
    expect(await ours.removeSignatures(commit, { type: 'dummy' })).toBe(1);
    await expect(withDummy(`--repo=${ours.path}`, ...verify)).rejects.toMatchObject({ exitCode: 1 });
    const key = ed25519Key();
    await ours.sign(commit, { type: 'ed25519', secretKey: key.secret });
    const keys = { type: 'ed25519', publicKey: key.public } as const;
    expect(await ours.verify(commit, { keys })).toMatchObject({ valid: true });
  },

  'ostree summary': async () => {
    const { ours, theirs, theirPath } = await pair();
    await ours.summary.regenerate({ metadata: { note: 'n' } });
    await theirs('summary', '--update', "--add-metadata=note='n'");
    await using other = await Repo.open(theirPath);
    const [mine, made] = [await ours.summary.read(), await other.summary.read()];
    expect(JSON.parse(JSON.stringify(mine.refs))).toEqual(JSON.parse(JSON.stringify(made.refs)));
    expect(mine.metadata['note']).toBe(made.metadata['note']);
    const viewed = await theirs('summary', '--view');
    for (const { ref, checksum } of mine.refs) {
      expect(viewed).toContain(`* ${ref}`);
      expect(viewed).toContain(checksum);
    }
  },

  'ostree static-delta generate': async () => {
    const { ours, theirs, same } = await pair();
    await ours.deltas.generate({ to: 'main', inline: true });
    await theirs('static-delta', 'generate', '--inline', 'main');
    await ours.deltas.generate({ from: null, to: 'main' });
    await theirs('static-delta', 'generate', '--empty', '--to=main');
    await same();
  },

  'ostree static-delta list': async () => {
    const { ours, theirs } = await pair((cli) => cli.ostree('static-delta', 'generate', 'main'));
    expect((await ours.deltas.list()).map(({ name }) => name)).toEqual(
      lines(await theirs('static-delta', 'list')),
    );
  },

  'ostree static-delta show': async () => {
    const { ours, theirs } = await pair((cli) => cli.ostree('static-delta', 'generate', 'main'));
    const [delta] = await ours.deltas.list();
    const { from, to, parts } = await ours.deltas.show(delta?.name ?? '');
    const shown = await theirs('static-delta', 'show', delta?.name ?? '');
    expect(shown).toContain(`From: ${String(from)}`);
    expect(shown).toContain(`To: ${to}`);
    expect(shown).toContain(`Number of parts: ${parts.length}`);
  },

  'ostree static-delta delete': async () => {
    const { ours, theirs, same } = await pair((cli) => cli.ostree('static-delta', 'generate', 'main'));
    const [delta] = await ours.deltas.list();
    await ours.deltas.remove(delta?.name ?? '');
    await theirs('static-delta', 'delete', delta?.name ?? '');
    await same();
  },

  'ostree static-delta apply-offline': async () => {
    const { ours, commits } = await pair((cli) =>
      cli.ostree('static-delta', 'generate', '--empty', '--to=main'),
    );
    const [name = ''] = (await readdir(join(ours.path, 'deltas'), { recursive: true })).filter((path) =>
      path.endsWith('superblock'),
    );
    const path = join(ours.path, 'deltas', name);
    const [mine, other] = [await cliRepo('bare-user'), await cliRepo('bare-user')];
    await using repo = await Repo.open(mine.path);
    await repo.deltas.apply(path);
    await other.ostree('static-delta', 'apply-offline', path);
    const objects = async (at: string) =>
      (await readdir(join(at, 'objects'), { recursive: true })).filter((file) => file.includes('.')).sort();
    expect(await objects(mine.path)).toEqual(await objects(other.path));
    expect(await repo.hasObject({ type: 'commit', checksum: commits.at(-1) ?? '' })).toBe(true);
  },

  'ostree static-delta verify': async () => {
    const { ours } = await pair();
    const { name } = await ours.deltas.generate({ to: 'main', sign: dummy });
    const verify = ['static-delta', 'verify', '--sign-type=dummy', name, 'key'];
    expect(await withDummy(`--repo=${ours.path}`, ...verify)).toContain('Verification OK');
    const key = ed25519Key();
    await ours.deltas.generate({ to: 'main', sign: { type: 'ed25519', secretKey: key.secret } });
    const keys = { type: 'ed25519', publicKey: key.public } as const;
    expect(await ours.deltas.verify(name, { keys })).toMatchObject({ valid: true });
  },

  'ostree static-delta indexes': async () => {
    const { ours, theirs } = await pair(async (cli) => {
      await cli.ostree('static-delta', 'generate', 'main');
      await cli.ostree('static-delta', 'reindex');
    });
    expect(await ours.deltas.indexes()).toEqual(lines(await theirs('static-delta', 'indexes')));
  },

  'ostree static-delta reindex': async () => {
    const { ours, theirs, theirPath } = await pair((cli) => cli.ostree('static-delta', 'generate', 'main'));
    await ours.deltas.reindex();
    await theirs('static-delta', 'reindex');
    const indexes = async (repo: string) => {
      const names = await readdir(join(repo, 'delta-indexes'), { recursive: true });
      const files = names.filter((name) => name.endsWith('.index'));
      return await Promise.all(
        files.map(async (name) => [name, await readFile(join(repo, 'delta-indexes', name))]),
      );
    };
    expect(await indexes(ours.path)).toEqual(await indexes(theirPath));
  },
};
