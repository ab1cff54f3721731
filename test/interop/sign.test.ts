// Signatures: we make them and the command verifies them, and the reverse.
import { execa } from 'execa';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { gpgKey } from '../support/gpg.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { ed25519Key, unsignedCommit } from '../support/sign.js';

describe('GPG', () => {
  it('the command verifies what we sign: show, and a pull that wants signatures', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const key = await gpgKey();
    const by = { type: 'gpg', keyId: key.keyId, homedir: key.path } as const;
    await repo.sign(commit, by);
    await repo.summary.regenerate({ sign: by });
    const keyring = join(await temporaryDirectory(), 'keys');
    await mkdir(keyring);
    await writeFile(join(keyring, 'a.gpg'), key.publicKeyBytes);
    expect(await cli.ostree('show', `--gpg-homedir=${keyring}`, commit)).toContain('Found 1 signature');
    const client = await cliRepo();
    const options = [
      '--set=gpg-verify=true',
      '--set=gpg-verify-summary=true',
      `--gpg-import=${keyring}/a.gpg`,
    ];
    await client.ostree('remote', 'add', 'origin', `file://${cli.path}`, ...options);
    await client.ostree('pull', 'origin', 'main');
    expect(await client.ostree('rev-parse', 'origin:main')).toBe(commit);
    await repo.removeSignatures(commit);
    const other = await cliRepo();
    await other.ostree('remote', 'add', 'origin', `file://${cli.path}`, ...options);
    await expect(other.ostree('pull', 'origin', 'main')).rejects.toThrow('no signatures found');
  });

  it('we verify what the command signs, on commit, later, and of the summary', async () => {
    const cli = await cliRepo();
    const one = await gpgKey();
    const two = await gpgKey('Two <two@example.org>');
    const commit = await cli.commit(
      'main',
      { a: 'a' },
      `--gpg-sign=${one.keyId}`,
      `--gpg-homedir=${one.path}`,
    );
    await cli.ostree('gpg-sign', commit, two.keyId, `--gpg-homedir=${two.path}`);
    await cli.ostree('summary', '-u', `--gpg-sign=${two.keyId}`, `--gpg-homedir=${two.path}`);
    await using repo = await Repo.open(cli.path);
    const { signatures } = await repo.verify(commit, { keys: [one.publicKey, two.publicKey] });
    expect(signatures).toMatchObject([
      { valid: true, fingerprint: one.keyId },
      { valid: true, fingerprint: two.keyId },
    ]);
    await expect(
      repo.sign(commit, { type: 'gpg', keyId: one.keyId, homedir: one.path }),
    ).rejects.toMatchObject({
      code: 'EXISTS',
    });
    expect((await repo.summary.verify({ keys: two.publicKeyBytes })).valid).toBe(true);
    expect(await repo.removeSignatures(commit, { keyIds: [one.keyId] })).toBe(1);
    const keyring = join(await temporaryDirectory(), 'keys');
    await mkdir(keyring);
    await writeFile(join(keyring, 'a.gpg'), two.publicKeyBytes);
    const shown = await cli.ostree('show', `--gpg-homedir=${keyring}`, commit);
    expect(shown).toContain('Found 1 signature');
    expect(shown).toContain('Good signature from "Two <two@example.org>"');
  });
});

describe('the engines of libostree', () => {
  const env = { OSTREE_DUMMY_SIGN_ENABLED: '1' };

  // "dummy" is the engine that every libostree has: its signature is the key itself.
  it('the command verifies what a callback signs, and we see what it signs', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    await repo.sign(commit, { type: 'dummy', sign: () => Buffer.from('dummysign') });
    const verify = (...args: string[]) =>
      execa('ostree', [`--repo=${cli.path}`, 'sign', '--verify', '--sign-type=dummy', ...args], { env });
    expect((await verify(commit, 'dummysign')).stdout).toContain('Signature verified');
    await expect(verify(commit, 'another')).rejects.toThrow('No valid signatures found');
    await execa('ostree', [`--repo=${cli.path}`, 'sign', '--sign-type=dummy', commit, 'second'], { env });
    await repo.sign(commit, { type: 'dummy', sign: () => Buffer.from('third') });
    for (const key of ['dummysign', 'second', 'third']) await verify(commit, key);
    const keys = { type: 'ed25519', publicKey: ed25519Key().public } as const;
    expect((await repo.verify(commit, { keys, report: true })).signatures).toHaveLength(3);
    expect(await repo.removeSignatures(commit, { type: 'dummy' })).toBe(3);
    await expect(verify(commit, 'dummysign')).rejects.toThrow('No valid signatures found');
  });

  it('signs the summary in the format of the command', async () => {
    const { repo, cli } = await unsignedCommit();
    const sign = { type: 'dummy', sign: () => Buffer.from('dummysign') };
    await repo.summary.regenerate({ sign });
    const client = await cliRepo();
    const add = ['remote', 'add', '--no-gpg-verify', '--sign-verify=dummy=inline:dummysign', 'origin'];
    await client.ostree(...add, `file://${cli.path}`, '--set=sign-verify-summary=dummy');
    await repo.sign('main', sign);
    await execa('ostree', [`--repo=${client.path}`, 'pull', 'origin', 'main'], { env });
    await cli.ostree('summary', '-u');
    await expect(
      execa('ostree', [`--repo=${client.path}`, 'pull', 'origin', 'main'], { env }),
    ).rejects.toThrow('no summary.sig found');
  });

  it('appends to what the command has in detached metadata', async () => {
    const cli = await cliRepo();
    const commit = await cli.commit('main', { a: 'a' }, '--add-detached-metadata-string=k=v');
    await using repo = await Repo.open(cli.path);
    const key = ed25519Key();
    await repo.sign(commit, { type: 'ed25519', secretKey: key.secret });
    expect(await cli.ostree('show', '--print-detached-metadata-key=k', commit)).toBe("'v'");
    const stored = await cli.ostree('show', '--print-detached-metadata-key=ostree.sign.ed25519', commit);
    expect(Variant.parse(stored, 'aay').value).toHaveLength(1);
  });
});
