import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { OstreeError, Repo, type PublicKey, type VerifyOptions } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { type GpgHome, type GpgKey, gpgHome, gpgKey, latinKey } from '../support/gpg.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { ed25519Key, objectPath, unsignedCommit } from '../support/sign.js';

/** A commit signed by gpg itself, which can pretend that it is another day. */
async function signedOn(day: string, key: GpgKey, ...args: string[]) {
  const made = await unsignedCommit();
  const sign = (data: Uint8Array) => key.sign(data, `--faked-system-time=${day}T000000!`, ...args);
  await made.repo.sign(made.commit, { type: 'gpg', sign });
  return made;
}

/** A key made on that day. */
async function keyOf(day: string, expires: string): Promise<GpgKey> {
  const { path, gpg } = await gpgHome();
  const home: GpgHome = { path, gpg: (...args) => gpg(`--faked-system-time=${day}T000000!`, ...args) };
  return await gpgKey('Old <old@example.org>', { expires, home });
}

describe('verify, with given keys', () => {
  it('tells everything about a GPG signature, as the command does', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const key = await gpgKey('Jörg Tester (comment) <joerg@example.org>');
    const before = Math.floor(Date.now() / 1000) * 1000;
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    const result = await repo.verify('main', { keys: key.publicKey });
    expect(result).toEqual({
      valid: true,
      signatures: [
        {
          type: 'gpg',
          valid: true,
          keyId: key.keyId.slice(-16),
          fingerprint: key.keyId,
          fingerprintPrimary: key.keyId,
          expired: false,
          keyExpired: false,
          revoked: false,
          missing: false,
          timestamp: expect.any(Date),
          expires: null,
          keyExpires: null,
          primaryKeyExpires: null,
          userName: 'Jörg Tester',
          userEmail: 'joerg@example.org',
          publicKeyAlgorithm: 'EdDSA',
          hashAlgorithm: expect.stringMatching(/^SHA/),
        },
      ],
    });
    const [signature] = result.signatures;
    const { timestamp } = signature as { timestamp: Date };
    expect(timestamp.getTime()).toBeGreaterThanOrEqual(before);
    expect(timestamp.getTime()).toBeLessThanOrEqual(Date.now());
    const keyring = join(await temporaryDirectory(), 'keys');
    await mkdir(keyring);
    await writeFile(join(keyring, 'a.gpg'), key.publicKeyBytes);
    const shown = await cli.ostree('show', `--gpg-homedir=${keyring}`, commit);
    expect(shown).toContain('Good signature from "Jörg Tester <joerg@example.org>"');
  });

  it('takes keys in armour, in binary, in a file, several in one', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    const other = await gpgKey('Other <other@example.org>');
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    const file = join(key.path, 'both');
    await writeFile(file, Buffer.concat([other.publicKeyBytes, key.publicKeyBytes]));
    const forms: (PublicKey | PublicKey[])[] = [
      key.publicKey,
      Buffer.from(key.publicKey),
      key.publicKeyBytes,
      file,
      [other.publicKeyBytes, key.publicKey],
      { type: 'gpg', publicKey: key.publicKey },
      { type: 'gpg', publicKey: key.publicKeyBytes },
      { type: 'gpg', publicKeyFile: file },
    ];
    for (const keys of forms) expect((await repo.verify(commit, { keys })).valid).toBe(true);
  });

  it('rejects with SIGNATURE a commit that nobody signed, or others, and tells with report', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    const other = await gpgKey('Other <other@example.org>');
    await expect(repo.verify(commit, { keys: key.publicKey })).rejects.toMatchObject({
      code: 'SIGNATURE',
      checksum: commit,
      message: `Commit ${commit}: no signatures found`,
      details: { reasons: [] },
    });
    await repo.sign(commit, { type: 'gpg', keyId: other.keyId, homedir: other.path });
    const error: unknown = await repo.verify(commit, { keys: key.publicKey }).catch((e: unknown) => e);
    expect(OstreeError.is(error, 'SIGNATURE')).toBe(true);
    expect(error).toMatchObject({
      details: {
        reasons: [
          {
            type: 'gpg',
            keyId: other.keyId.slice(-16),
            reason: expect.stringContaining("Can't check signature: public key not found"),
          },
        ],
      },
    });
    expect(await repo.verify(commit, { keys: key.publicKey, report: true })).toMatchObject({
      valid: false,
      signatures: [{ valid: false, missing: true, fingerprint: other.keyId, fingerprintPrimary: null }],
    });
  });

  it('trusts the given keys only, whatever keyrings the repository and the system have', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const key = await gpgKey();
    const trusted = await gpgKey('Trusted <trusted@example.org>');
    const pub = join(trusted.path, 'pub');
    await writeFile(pub, trusted.publicKeyBytes);
    await cli.ostree('remote', 'add', 'origin', 'http://h/r', `--gpg-import=${pub}`);
    await repo.sign(commit, { type: 'gpg', keyId: trusted.keyId, homedir: trusted.path });
    expect(await cli.ostree('show', commit)).toContain('Good signature');
    await expect(repo.verify(commit, { keys: key.publicKey })).rejects.toMatchObject({ code: 'SIGNATURE' });
    const { public: ed25519 } = ed25519Key();
    await expect(
      repo.verify(commit, { keys: { type: 'ed25519', publicKey: ed25519 } }),
    ).rejects.toMatchObject({ code: 'SIGNATURE' });
    expect((await repo.verify(commit, { remote: 'origin' })).valid).toBe(true);
  });

  it('tells of an expired signature, an expired and a revoked key', async () => {
    const ofSignature = await keyOf('20200101', 'never');
    const expiredSignature = await signedOn('20200601', ofSignature, '--default-sig-expire=5d');
    const report = { report: true };
    const one = await expiredSignature.repo.verify('main', { keys: ofSignature.publicKey, ...report });
    expect(one).toMatchObject({
      valid: false,
      signatures: [
        {
          expired: true,
          keyExpired: false,
          timestamp: new Date('2020-06-01'),
          expires: new Date('2020-06-06'),
          reason: expect.stringContaining('Expired signature from "Old <old@example.org>"'),
        },
      ],
    });

    const ofKey = await keyOf('20200101', '2020-12-31');
    const expiredKey = await signedOn('20200601', ofKey);
    const two = await expiredKey.repo.verify('main', { keys: ofKey.publicKey, ...report });
    expect(two).toMatchObject({
      valid: false,
      signatures: [{ keyExpired: true, revoked: false, missing: false }],
    });
    expect((two.signatures[0] as { keyExpires: Date }).keyExpires.toISOString()).toMatch(/^2020-12-31/);

    const revoked = await gpgKey('Revoked <revoked@example.org>');
    const { repo, commit } = await unsignedCommit();
    await repo.sign(commit, { type: 'gpg', keyId: revoked.keyId, homedir: revoked.path });
    expect((await repo.verify(commit, { keys: revoked.publicKey })).valid).toBe(true);
    const certificate = join(revoked.path, 'openpgp-revocs.d', `${revoked.keyId}.rev`);
    // gpg puts a colon before the armour lest somebody imports it by mistake.
    await writeFile(certificate, (await readFile(certificate, 'utf8')).replace(':-----BEGIN', '-----BEGIN'));
    await revoked.gpg('--import', certificate);
    const keys = Buffer.from(await revoked.gpg('--armor', '--export', revoked.keyId));
    expect(await repo.verify(commit, { keys, ...report })).toMatchObject({
      valid: false,
      signatures: [{ revoked: true, reason: expect.stringContaining('Key revoked') }],
    });
    const rejection = { code: 'SIGNATURE', details: { reasons: [{ type: 'gpg' }] } };
    await expect(expiredSignature.repo.verify('main', { keys: ofSignature.publicKey })).rejects.toMatchObject(
      rejection,
    );
    await expect(expiredKey.repo.verify('main', { keys: ofKey.publicKey })).rejects.toMatchObject(rejection);
    await expect(repo.verify(commit, { keys })).rejects.toMatchObject(rejection);
  });

  it('rejects a signature of something else, and is content with one that counts', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    await repo.sign(commit, { type: 'gpg', sign: () => key.sign(Buffer.from('something else')) });
    await expect(repo.verify(commit, { keys: key.publicKey })).rejects.toMatchObject({
      code: 'SIGNATURE',
      message: expect.stringContaining('BAD signature from "Tester <tester@example.org>"'),
    });
    const good = await gpgKey('Good <good@example.org>');
    await repo.sign(commit, { type: 'gpg', keyId: good.keyId, homedir: good.path });
    const result = await repo.verify(commit, { keys: [key.publicKey, good.publicKey] });
    expect(result.signatures.map(({ valid }) => valid)).toEqual([false, true]);
  });

  it('tells of the signing subkey and of its primary key', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    await key.gpg(
      '--pinentry-mode=loopback',
      '--passphrase=',
      '--quick-add-key',
      key.keyId,
      'ed25519',
      'sign',
    );
    const listed = await key.gpg('--with-colons', '--list-keys', key.keyId);
    const subkey = [...listed.matchAll(/^fpr:+([0-9A-F]{40}):/gm)][1]![1]!;
    await repo.sign(commit, { type: 'gpg', keyId: `${subkey}!`, homedir: key.path });
    const keys = Buffer.from(await key.gpg('--armor', '--export', key.keyId));
    expect((await repo.verify(commit, { keys })).signatures).toMatchObject([
      { fingerprint: subkey, fingerprintPrimary: key.keyId, userEmail: 'tester@example.org' },
    ]);
  });

  // libostree itself crashes on one: g_variant_new_string() of it is NULL.
  it('survives a user ID that is not UTF-8', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await latinKey();
    const keys = Buffer.from(key.publicKey);
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    expect((await repo.verify(commit, { keys })).signatures).toMatchObject([
      { valid: true, userName: 'J\\xf6rg Latin', userEmail: 'latin@example.org' },
    ]);
    await writeFile(join(key.path, 'pub'), keys);
    await execa('ostree', [
      `--repo=${repo.path}`,
      'remote',
      'add',
      'o',
      'http://h',
      `--gpg-import=${key.path}/pub`,
    ]);
    expect((await repo.verify(commit, { remote: 'o' })).signatures).toMatchObject([
      { valid: true, userName: 'J\\xf6rg Latin' },
    ]);
  });

  it('verifies ed25519 and spki keys, and says which it was', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = ed25519Key();
    const other = ed25519Key();
    await repo.sign(commit, { type: 'ed25519', secretKey: key.bytes });
    const file = join(await temporaryDirectory(), 'keys');
    await writeFile(file, `${other.public}\n\n${key.public}\n`);
    for (const keys of [
      { type: 'ed25519', publicKey: key.public },
      { type: 'ed25519', publicKey: Buffer.from(key.public, 'base64') },
      { type: 'ed25519', publicKeyFile: file },
    ] as const) {
      expect(await repo.verify(commit, { keys })).toEqual({
        valid: true,
        signatures: [{ type: 'ed25519', valid: true, publicKey: key.public }],
      });
    }
    await expect(
      repo.verify(commit, { keys: { type: 'ed25519', publicKey: other.public } }),
    ).rejects.toMatchObject({ code: 'SIGNATURE', details: { reasons: [{ type: 'ed25519' }] } });

    const pair = generateKeyPairSync('ed25519');
    const secret = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
    await repo.sign(commit, { type: 'spki', secretKey: secret.toString('base64') });
    const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }) as string;
    expect(await repo.verify(commit, { keys: { type: 'spki', publicKey: pem } })).toMatchObject({
      valid: true,
      signatures: expect.arrayContaining([
        { type: 'ed25519', valid: false, publicKey: null, reason: expect.any(String) },
        expect.objectContaining({ type: 'spki', valid: true }),
      ]),
    });
  });

  it('tells of signatures of a kind that it does not verify', async () => {
    const { repo, commit } = await unsignedCommit();
    await repo.sign(commit, { type: 'dummy', sign: () => Buffer.from('dummysign') });
    const keys = { type: 'ed25519', publicKey: ed25519Key().public } as const;
    expect(await repo.verify(commit, { keys, report: true })).toEqual({
      valid: false,
      signatures: [{ type: 'dummy', valid: false, reason: expect.any(String) }],
    });
  });
});

describe('verify, for a remote', () => {
  async function withRemote(key: GpgKey, ...options: string[]) {
    const made = await unsignedCommit();
    await writeFile(join(key.path, 'pub'), key.publicKeyBytes);
    const add = [
      'remote',
      'add',
      'origin',
      'http://h/r',
      `--gpg-import=${join(key.path, 'pub')}`,
      ...options,
    ];
    await made.cli.ostree(...add);
    return { ...made, remote: 'origin' };
  }

  it('trusts the keyring of that remote, and of no other', async () => {
    const key = await gpgKey();
    const { repo, cli, commit, remote } = await withRemote(key);
    await cli.ostree('remote', 'add', 'other', 'http://h/r');
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    expect(await repo.verify(commit, { remote })).toMatchObject({
      valid: true,
      signatures: [{ userName: 'Tester', userEmail: 'tester@example.org' }],
    });
    await expect(repo.verify(commit, { remote: 'other' })).rejects.toMatchObject({
      code: 'SIGNATURE',
      remote: 'other',
      checksum: commit,
    });
    await expect(repo.verify(commit, { remote: 'nope' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      remote: 'nope',
    });
  });

  it('wants of each kind what a pull would: GPG and sign-verify', async () => {
    const key = await gpgKey();
    const ed25519 = ed25519Key();
    const { repo, commit, remote } = await withRemote(
      key,
      '--set=sign-verify=ed25519',
      `--set=verification-ed25519-key=${ed25519.public}`,
    );
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({
      code: 'SIGNATURE',
      message: expect.stringContaining('no valid signature of type ed25519'),
    });
    await repo.sign(commit, { type: 'ed25519', secretKey: ed25519.secret });
    expect((await repo.verify(commit, { remote })).valid).toBe(true);
    expect(await repo.removeSignatures(commit, { type: 'gpg' })).toBe(1);
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({ code: 'SIGNATURE' });
    await repo.config.set('remote "origin".gpg-verify', false);
    expect((await repo.verify(commit, { remote })).valid).toBe(true);
  });

  it('reads the key file of a remote, and says what is wrong with its config', async () => {
    const key = await gpgKey();
    const ed25519 = ed25519Key();
    const file = join(key.path, 'ed25519');
    await writeFile(file, `${ed25519.public}\n`);
    const { repo, commit, remote } = await withRemote(key, '--set=gpg-verify=false');
    const set = (name: string, value: string) => repo.config.set(`remote "origin".${name}`, value);
    await repo.sign(commit, { type: 'ed25519', secretKey: ed25519.secret });
    await set('sign-verify', 'true');
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({ code: 'SIGNATURE' });
    await set('verification-ed25519-file', file);
    expect((await repo.verify(commit, { remote })).valid).toBe(true);
    await set('verification-ed25519-file', '/nowhere');
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/nowhere',
    });
    await set('verification-ed25519-file', file);
    await set('sign-verify', 'spki;ed25519');
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({ code: 'NOT_FOUND', remote });
    await set('sign-verify', 'x509');
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await set('sign-verify', 'ed25519');
    await set('verification-ed25519-key', 'AAAA');
    await expect(repo.verify(commit, { remote })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', remote });
  });
});

describe('verify, misused', () => {
  it('refuses bad arguments', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    const verify = (options?: unknown) => repo.verify(commit, options as VerifyOptions);
    await expect(repo.verify('', { remote: 'o' })).rejects.toEqual(rangeError('commit'));
    await expect(verify()).rejects.toEqual(typeError('options'));
    await expect(verify({})).rejects.toEqual(typeError('options.remote or options.keys'));
    await expect(verify({ remote: 'o', keys: key.publicKey })).rejects.toEqual(rangeError('options.keys'));
    await expect(verify({ remote: '' })).rejects.toEqual(rangeError('options.remote'));
    await expect(verify({ remote: '../../x' })).rejects.toEqual(rangeError('options.remote'));
    await expect(verify({ keys: [] })).rejects.toEqual(rangeError('must not be empty'));
    await expect(verify({ keys: 5 })).rejects.toEqual(typeError('options.keys'));
    await expect(verify({ keys: [''] })).rejects.toEqual(rangeError(/options\.keys\[0\]/));
    await expect(verify({ keys: [{ type: 'x' }] })).rejects.toEqual(rangeError(/options\.keys\[0\]\.type/));
    await expect(verify({ keys: { type: 'gpg' } })).rejects.toEqual(typeError('options.keys.publicKey'));
    await expect(verify({ keys: { type: 'ed25519', publicKey: 'AAAA' } })).rejects.toEqual(
      rangeError('32 bytes'),
    );
    await expect(verify({ keys: { type: 'spki', publicKey: 'AAAA' } })).rejects.toEqual(
      rangeError('public key'),
    );
    await expect(verify({ remote: 'o', report: 1 })).rejects.toEqual(typeError('options.report'));
    await expect(verify({ remote: 'o', signal: AbortSignal.abort(key) })).rejects.toBe(key);
  });

  it('says which key is none, and which file is not there', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    await expect(repo.verify(commit, { keys: [key.publicKey, Buffer.from('junk')] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('keys[1] holds no GPG public key'),
    });
    await expect(repo.verify(commit, { keys: new Uint8Array() })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(repo.verify(commit, { keys: '/nowhere' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/nowhere',
    });
    const dir = await temporaryDirectory();
    const large = join(dir, 'large');
    await writeFile(large, '');
    await truncate(large, 2 ** 40);
    await expect(repo.verify(commit, { keys: large })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      path: large,
    });
    await expect(repo.verify(commit, { keys: dir })).rejects.toMatchObject({ code: 'IS_DIRECTORY' });
    await expect(repo.verify('nope', { keys: key.publicKey })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('key files', () => {
  it('are not waited for where they are pipes that nobody writes to', async () => {
    const { repo, commit } = await unsignedCommit();
    const pipe = join(await temporaryDirectory(), 'pipe');
    await execa('mkfifo', [pipe]);
    const refused = { code: 'INVALID_ARGUMENT', path: pipe };
    const key = { type: 'ed25519', publicKeyFile: pipe } as const;
    await expect(repo.verify(commit, { keys: pipe })).rejects.toMatchObject(refused);
    await expect(repo.verify(commit, { keys: key })).rejects.toMatchObject(refused);
    const signer = { type: 'ed25519', secretKeyFile: pipe } as const;
    await expect(repo.sign(commit, signer)).rejects.toMatchObject(refused);
  });
});

describe('verify, in many places at once', () => {
  it('answers twenty calls on two repositories', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    const copy = await cliRepo();
    await copy.ostree('pull-local', repo.path, commit);
    await writeFile(
      objectPath(copy.path, commit, 'commitmeta'),
      await readFile(objectPath(repo.path, commit, 'commitmeta')),
    );
    await using other = await Repo.open(copy.path);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? repo : other).verify(commit, { keys: key.publicKey })),
    );
    expect(results.every(({ valid }) => valid)).toBe(true);
  });
});
