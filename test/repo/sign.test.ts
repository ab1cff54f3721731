import { generateKeyPairSync, verify as verifyBytes } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { execa } from 'execa';
import { OstreeError, Repo, type Signer, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { type GpgKey, gpgHome, gpgKey } from '../support/gpg.js';
import { ed25519Key, objectPath, unsignedCommit } from '../support/sign.js';
import { temporaryDirectory } from '../support/repo.js';

describe('sign, by gpg', () => {
  it('adds a signature that verifies, and refuses a second one by the same key', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    const signer: Signer = { type: 'gpg', keyId: key.keyId, homedir: key.path };
    await repo.sign(commit, signer);
    const { signatures } = await repo.verify(commit, { keys: key.publicKeyBytes });
    expect(signatures).toMatchObject([{ type: 'gpg', valid: true, fingerprint: key.keyId }]);
    await expect(repo.sign('main', signer)).rejects.toMatchObject({ code: 'EXISTS', checksum: commit });
    expect((await repo.verify(commit, { keys: key.publicKeyBytes })).signatures).toHaveLength(1);
  });

  it('rejects with NOT_FOUND what is not there: commit, home, key, its secret part', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    const publicOnly = await gpgHome();
    await writeFile(join(publicOnly.path, 'key'), key.publicKeyBytes);
    await publicOnly.gpg('--import', join(publicOnly.path, 'key'));
    const by = (homedir: string, keyId = key.keyId): Signer => ({ type: 'gpg', keyId, homedir });
    await expect(repo.sign('nope', by(key.path))).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'nope' });
    const absent = 'a'.repeat(64);
    await expect(repo.sign(absent, by(key.path))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const nowhere = join(key.path, 'nowhere');
    await expect(repo.sign(commit, by(nowhere))).rejects.toMatchObject({ code: 'NOT_FOUND', path: nowhere });
    const file = join(publicOnly.path, 'key');
    await expect(repo.sign(commit, by(file))).rejects.toMatchObject({ code: 'NOT_DIRECTORY', path: file });
    await expect(repo.sign(commit, by(key.path, 'ABCDEF0123456789'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('No gpg key found with ID ABCDEF0123456789'),
    });
    await expect(repo.sign(commit, by(publicOnly.path))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.verify(commit, { keys: key.publicKey })).rejects.toMatchObject({ code: 'SIGNATURE' });
  });

  it('rejects with INVALID_ARGUMENT an id that two keys answer to', async () => {
    const { repo, commit } = await unsignedCommit();
    const home = await gpgHome();
    await gpgKey('Twin One <one@example.org>', { home });
    await gpgKey('Twin Two <two@example.org>', { home });
    await expect(repo.sign(commit, { type: 'gpg', keyId: 'Twin', homedir: home.path })).rejects.toMatchObject(
      { code: 'INVALID_ARGUMENT', checksum: commit },
    );
  });

  it('leaves nothing of its own in the temporary directory', async () => {
    const { repo, commit } = await unsignedCommit();
    const key = await gpgKey();
    const ours = async () =>
      (await readdir(tmpdir())).filter((name) => /^ostree-(?:keys|gpg)-/.test(name)).sort();
    const before = await ours();
    await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
    await repo.verify(commit, { keys: key.publicKey });
    await expect(repo.verify(commit, { keys: Buffer.from('no key') })).rejects.toBeInstanceOf(OstreeError);
    const left = (await ours()).filter((name) => !before.includes(name));
    // Other test files may verify at this moment; what is ours is gone by now.
    await expect.poll(async () => (await ours()).filter((name) => left.includes(name))).toEqual([]);
  });
});

describe('sign, by a key or a callback', () => {
  it('signs with ed25519 as libostree would: over the commit object, beside other signatures', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const one = ed25519Key();
    const two = ed25519Key();
    const file = join(await temporaryDirectory(), 'key');
    await writeFile(file, `${two.secret}\n`);
    await repo.sign(commit, { type: 'ed25519', secretKey: one.secret });
    await repo.sign(commit, { type: 'ed25519', secretKeyFile: file });
    const stored = Variant.parse(
      await cli.ostree('show', '--print-detached-metadata-key=ostree.sign.ed25519', commit),
      'aay',
    ).value as Uint8Array[];
    expect(stored).toHaveLength(2);
    const object = await readFile(objectPath(cli.path, commit, 'commit'));
    expect(verifyBytes(null, object, one.publicKey, stored[0]!)).toBe(true);
    expect(verifyBytes(null, object, two.publicKey, stored[1]!)).toBe(true);
    await expect(repo.sign(commit, { type: 'ed25519', secretKey: one.bytes })).rejects.toMatchObject({
      code: 'EXISTS',
    });
  });

  it.each(['rsa', 'ec'] as const)('signs with an spki key of type %s', async (type) => {
    const { repo, cli, commit } = await unsignedCommit();
    const { privateKey, publicKey } =
      type === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    await repo.sign(commit, { type: 'spki', secretKey: pem });
    const der = publicKey.export({ format: 'der', type: 'spki' });
    const trusted = { type: 'spki', publicKey: der.toString('base64') } as const;
    expect(await repo.verify(commit, { keys: [trusted] })).toMatchObject({ valid: true });
    // OpenSSL itself, with the digest that the key implies.
    const [signature] = Variant.parse(
      await cli.ostree('show', '--print-detached-metadata-key=ostree.sign.spki', commit),
      'aay',
    ).value as [Uint8Array];
    const dir = await temporaryDirectory();
    await writeFile(join(dir, 'sig'), signature);
    await writeFile(join(dir, 'pem'), publicKey.export({ format: 'pem', type: 'spki' }));
    const object = objectPath(cli.path, commit, 'commit');
    const { stdout } = await execa('openssl', [
      ...['dgst', '-sha256', '-verify', join(dir, 'pem'), '-signature', join(dir, 'sig'), object],
    ]);
    expect(stdout).toBe('Verified OK');
  });

  it('signs by what a callback returns, of gpg, ed25519, or another engine', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const key = await gpgKey();
    const ed25519 = ed25519Key();
    const object = await readFile(objectPath(cli.path, commit, 'commit'));
    const seen: Uint8Array[] = [];
    await repo.sign(commit, {
      type: 'gpg',
      sign: async (data) => {
        seen.push(data);
        return await key.sign(data);
      },
    });
    await repo.sign(commit, { type: 'ed25519', sign: (data) => ed25519.sign(data) });
    expect(seen).toEqual([object]);
    expect(await repo.verify(commit, { keys: key.publicKey })).toMatchObject({ valid: true });
    const keys = [{ type: 'ed25519', publicKey: ed25519.public } as const];
    expect(await repo.verify(commit, { keys })).toMatchObject({ valid: true });
  });

  it('keeps the signatures of signers side by side', async () => {
    const { repo, commit } = await unsignedCommit();
    const home = await gpgHome();
    const gpg: GpgKey[] = [];
    for (const n of [1, 2, 3]) gpg.push(await gpgKey(`Signer ${n} <s${n}@example.org>`, { home }));
    const ed25519 = [ed25519Key(), ed25519Key(), ed25519Key()];
    await using other = await Repo.open(repo.path);
    await Promise.all([
      ...gpg.map((key, i) =>
        [repo, other][i % 2]!.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: home.path }),
      ),
      ...ed25519.map((key, i) =>
        [repo, other][i % 2]!.sign(commit, { type: 'ed25519', secretKey: key.secret }),
      ),
    ]);
    const result = await repo.verify(commit, {
      keys: [
        ...gpg.map((key) => key.publicKeyBytes),
        ...ed25519.map((key) => ({ type: 'ed25519', publicKey: key.public }) as const),
      ],
    });
    expect(result.signatures.map(({ type, valid }) => `${type} ${valid}`).sort()).toEqual([
      ...Array<string>(3).fill('ed25519 true'),
      ...Array<string>(3).fill('gpg true'),
    ]);
  });

  it('rejects with what the callback throws, and with the signal, and writes nothing', async () => {
    const { repo, commit } = await unsignedCommit();
    const thrown = new Error('the HSM is on fire');
    const failing: Signer = { type: 'ed25519', sign: () => Promise.reject(thrown) };
    await expect(repo.sign(commit, failing)).rejects.toBe(thrown);
    const controller = new AbortController();
    const reason = new Error('enough');
    const hanging: Signer = {
      type: 'ed25519',
      sign: () => {
        controller.abort(reason);
        return new Promise(() => {});
      },
    };
    await expect(repo.sign(commit, hanging, { signal: controller.signal })).rejects.toBe(reason);
    expect(await repo.removeSignatures(commit)).toBe(0);
  });

  it('is waited for by close(), and cancelled by it', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const key = ed25519Key();
    let answer = (_signature: Uint8Array) => {};
    let asked = (_data: Uint8Array) => {};
    const question = new Promise<Uint8Array>((resolve) => (asked = resolve));
    const slow: Signer = {
      type: 'ed25519',
      sign: (data) => {
        asked(data);
        return new Promise((resolve) => (answer = resolve));
      },
    };
    const signing = repo.sign(commit, slow);
    const data = await question;
    const closing = repo.close();
    answer(key.sign(data));
    await Promise.all([signing, closing]);
    await using again = await Repo.open(cli.path);
    const keys = { type: 'ed25519', publicKey: key.public } as const;
    expect((await again.verify(commit, { keys })).valid).toBe(true);
    const hanging = again.sign(commit, { type: 'ed25519', sign: () => new Promise(() => {}) });
    const rejected = expect(hanging).rejects.toMatchObject({ code: 'CANCELLED' });
    await again.close({ cancel: true });
    await rejected;
  });

  it('refuses bad arguments', async () => {
    const { repo, commit } = await unsignedCommit();
    const sign = (signer: unknown) => repo.sign(commit, signer as Signer);
    await expect(repo.sign('', { type: 'gpg', keyId: 'x' })).rejects.toEqual(rangeError('commit'));
    await expect(sign(undefined)).rejects.toEqual(typeError('signer must be an object'));
    await expect(sign({ type: 'gpg' })).rejects.toEqual(typeError('signer.keyId'));
    await expect(sign({ type: 'gpg', keyId: '' })).rejects.toEqual(rangeError('signer.keyId'));
    await expect(sign({ type: 'gpg', keyId: 'a\0b' })).rejects.toEqual(rangeError('NUL'));
    await expect(sign({ type: 'gpg', keyId: 'x', homedir: 5 })).rejects.toEqual(typeError('signer.homedir'));
    await expect(sign({ type: 'x509' })).rejects.toEqual(rangeError('must be gpg, ed25519 or spki'));
    await expect(sign({ type: '../x', sign: () => new Uint8Array() })).rejects.toEqual(
      rangeError('signer.type'),
    );
    await expect(sign({ type: 'ed25519', sign: 'me' })).rejects.toEqual(typeError('signer.sign'));
    await expect(sign({ type: 'ed25519' })).rejects.toEqual(typeError('signer.secretKey'));
    await expect(sign({ type: 'ed25519', secretKey: 'AAAA' })).rejects.toEqual(rangeError('64 bytes'));
    await expect(sign({ type: 'ed25519', secretKey: '!' })).rejects.toEqual(rangeError('base64'));
    const mixed = Buffer.concat([ed25519Key().bytes.subarray(0, 32), ed25519Key().bytes.subarray(32)]);
    await expect(sign({ type: 'ed25519', secretKey: mixed })).rejects.toEqual(rangeError('second half'));
    await expect(sign({ type: 'spki', secretKey: 'AAAA' })).rejects.toEqual(rangeError('private key'));
    await expect(sign({ type: 'ed25519', secretKeyFile: '/none' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/none',
    });
    await expect(sign({ type: 'ed25519', secretKeyFile: '/dev/null' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('refuses what a callback must not return', async () => {
    const { repo, commit } = await unsignedCommit();
    const returning = (type: string, value: unknown) =>
      repo.sign(commit, { type, sign: () => value as Uint8Array });
    await expect(returning('ed25519', 'text')).rejects.toEqual(typeError('result of signer.sign'));
    await expect(returning('ed25519', new Uint8Array(63))).rejects.toEqual(rangeError('64 bytes'));
    await expect(returning('gpg', new Uint8Array())).rejects.toEqual(rangeError('in binary'));
    await expect(returning('gpg', Buffer.from('-----BEGIN PGP'))).rejects.toEqual(rangeError('in binary'));
    expect(await repo.removeSignatures(commit)).toBe(0);
  });
});

describe('removeSignatures', () => {
  async function thrice() {
    const { repo, cli, commit } = await unsignedCommit();
    const home = await gpgHome();
    const one = await gpgKey('One <one@example.org>', { home });
    const two = await gpgKey('Two <two@example.org>', { home });
    const ed25519 = ed25519Key();
    for (const { keyId } of [one, two]) await repo.sign(commit, { type: 'gpg', keyId, homedir: home.path });
    await repo.sign(commit, { type: 'ed25519', secretKey: ed25519.secret });
    const left = async () => {
      const { signatures } = await repo.verify(commit, {
        keys: [one.publicKey, two.publicKey, { type: 'ed25519', publicKey: ed25519.public }],
        report: true,
      });
      return signatures.map((s) => ('fingerprint' in s ? s.fingerprint : s.type));
    };
    return { repo, cli, commit, one, two, ed25519, left };
  }

  it('removes all of them, and then none', async () => {
    const { repo, commit, left } = await thrice();
    expect(await repo.removeSignatures('main')).toBe(3);
    expect(await left()).toEqual([]);
    expect(await repo.removeSignatures(commit)).toBe(0);
  });

  it('removes those of a kind', async () => {
    const { repo, commit, left } = await thrice();
    expect(await repo.removeSignatures(commit, { type: 'gpg' })).toBe(2);
    expect(await left()).toEqual(['ed25519']);
  });

  it('removes those by a key, whether the public key is known here or not', async () => {
    const { repo, commit, one, two, ed25519, left } = await thrice();
    expect(await repo.removeSignatures(commit, { keyIds: [one.keyId.slice(-16).toLowerCase()] })).toBe(1);
    expect(await left()).toEqual(expect.arrayContaining([two.keyId, 'ed25519']));
    expect(await repo.removeSignatures(commit, { keyIds: [ed25519.public, one.keyId] })).toBe(1);
    expect(await left()).toEqual([two.keyId]);
    expect(await repo.removeSignatures(commit, { type: 'ed25519', keyIds: [`0x${two.keyId}`] })).toBe(0);
    expect(await repo.removeSignatures(commit, { keyIds: [`0x${two.keyId}`] })).toBe(1);
  });

  it('leaves other detached metadata alone', async () => {
    const { repo, cli, commit, one } = await thrice();
    expect(await repo.removeSignatures(commit, { keyIds: [one.keyId] })).toBe(1);
    await repo.setDetachedMetadata(commit, { 'my.key': 'mine' });
    await repo.sign(commit, { type: 'gpg', keyId: one.keyId, homedir: one.path });
    expect(await repo.removeSignatures(commit)).toBe(1);
    expect(await cli.ostree('show', '--print-detached-metadata-key=my.key', commit)).toBe("'mine'");
  });

  it('refuses bad arguments, and a commit that is not there', async () => {
    const { repo, commit } = await unsignedCommit();
    const remove = (options: unknown) => repo.removeSignatures(commit, options as object);
    await expect(remove(null)).rejects.toEqual(typeError('options'));
    await expect(remove({ type: 5 })).rejects.toEqual(typeError('options.type'));
    await expect(remove({ keyIds: 'x' })).rejects.toEqual(typeError('options.keyIds'));
    await expect(remove({ keyIds: ['ABCD'] })).rejects.toEqual(rangeError('16 or more hex digits'));
    await expect(repo.removeSignatures('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('what is in the way of a signature', () => {
  it('rejects with CORRUPT where the commit is not of its checksum', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    const other = await cli.commit('other', { b: 'b' });
    await writeFile(
      objectPath(cli.path, commit, 'commit'),
      await readFile(objectPath(cli.path, other, 'commit')),
    );
    const corrupt = {
      code: 'CORRUPT',
      checksum: commit,
      details: { objects: [{ type: 'commit', checksum: commit }] },
    };
    const { secret } = ed25519Key();
    const key = await gpgKey();
    await expect(repo.sign(commit, { type: 'ed25519', secretKey: secret })).rejects.toMatchObject(corrupt);
    await expect(
      repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path }),
    ).rejects.toMatchObject(corrupt);
    await expect(repo.verify(commit, { keys: key.publicKey })).rejects.toMatchObject(corrupt);
  });

  // A dictionary entry whose key has no end, one without any key, and bytes at random.
  it.each([
    ['an endless key', '41414141414141414141414141414105'],
    ['offsets beyond the end', 'ffffffffffffffff'],
    ['text', Buffer.from('this is no metadata at all').toString('hex')],
  ])('rejects with CORRUPT where the detached metadata are %s', async (_what, hex) => {
    const { repo, cli, commit } = await unsignedCommit();
    await writeFile(objectPath(cli.path, commit, 'commitmeta'), Buffer.from(hex, 'hex'));
    const corrupt = {
      code: 'CORRUPT',
      checksum: commit,
      details: { objects: [{ type: 'commitmeta', checksum: commit }] },
    };
    const key = await gpgKey();
    const signer: Signer = { type: 'gpg', keyId: key.keyId, homedir: key.path };
    await expect(repo.sign(commit, signer)).rejects.toMatchObject(corrupt);
    await expect(
      repo.sign(commit, { type: 'ed25519', secretKey: ed25519Key().secret }),
    ).rejects.toMatchObject(corrupt);
    await expect(repo.verify(commit, { keys: key.publicKey, report: true })).rejects.toMatchObject(corrupt);
    await expect(repo.removeSignatures(commit)).rejects.toMatchObject(corrupt);
    await repo.setDetachedMetadata(commit, null);
    await repo.sign(commit, signer);
    expect((await repo.verify(commit, { keys: key.publicKey })).valid).toBe(true);
  });

  it.each(["'text'", "@as ['a']", '5', "['a', 'b']", '@aay []', "[b'nonsense']"])(
    'gets along with ostree.gpgsigs being %s',
    async (value) => {
      const { repo, commit } = await unsignedCommit();
      await repo.setDetachedMetadata(commit, {
        'ostree.gpgsigs': Variant.parse(value),
        'ostree.sign.ed25519': Variant.parse(value),
      });
      const key = await gpgKey();
      const ed25519 = ed25519Key();
      await expect(repo.verify(commit, { keys: key.publicKey })).rejects.toMatchObject({ code: 'SIGNATURE' });
      const report = await repo.verify(commit, { keys: key.publicKey, report: true });
      expect(report.valid).toBe(false);
      await repo.sign(commit, { type: 'ed25519', secretKey: ed25519.secret });
      const keys = { type: 'ed25519', publicKey: ed25519.public } as const;
      expect((await repo.verify(commit, { keys })).valid).toBe(true);
      await repo.removeSignatures(commit, { type: 'gpg' });
      await repo.sign(commit, { type: 'gpg', keyId: key.keyId, homedir: key.path });
      expect((await repo.verify(commit, { keys: key.publicKey })).valid).toBe(true);
    },
  );
});
