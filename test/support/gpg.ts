// GPG keys for tests, each in a home of its own that goes with the test, its agent included.
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

import { type AtEnd, temporaryDirectory } from './repo.js';

export interface GpgHome {
  /** The directory, for `--gpg-homedir`. */
  path: string;
  /** Runs gpg in it, without ever asking; the result is its standard output. */
  gpg: (...args: string[]) => Promise<string>;
}

export interface GpgKey extends GpgHome {
  /** The fingerprint: 40 hex digits. */
  keyId: string;
  uid: string;
  /** The public key, armoured. */
  publicKey: string;
  /** The same in binary, as keyrings hold it. */
  publicKeyBytes: Uint8Array;
  /** A detached signature in binary, by gpg itself; `args` are for gpg. */
  sign: (data: Uint8Array, ...args: string[]) => Promise<Uint8Array>;
}

/** An empty home. `atEnd` as for temporaryDirectory(). */
export async function gpgHome(atEnd: AtEnd = onTestFinished): Promise<GpgHome> {
  const path = await temporaryDirectory(atEnd);
  await chmod(path, 0o700); // gpg warns otherwise
  // Runs before the directory goes: callbacks run newest first.
  atEnd(async () => {
    await execa('gpgconf', ['--homedir', path, '--kill', 'all']);
  });
  const gpg = async (...args: string[]) => {
    const { stdout } = await execa('gpg', ['--homedir', path, '--batch', '--no-tty', ...args]);
    return stdout;
  };
  return { path, gpg };
}

export const LATIN_NAME = 'J\xf6rg Latin';

/** A key whose user ID is in Latin-1, as before gpg wrote UTF-8: libostree crashes on it. */
export async function latinKey(home?: GpgHome): Promise<GpgKey> {
  const { path, gpg } = home ?? (await gpgHome());
  const parameters = join(path, 'parameters');
  const lines = ['%no-protection', 'Key-Type: EDDSA', 'Key-Curve: ed25519', 'Key-Usage: sign'];
  lines.push(`Name-Real: ${LATIN_NAME}`, 'Name-Email: latin@example.org', 'Expire-Date: 0', '%commit', '');
  await writeFile(parameters, Buffer.from(lines.join('\n'), 'latin1'));
  await gpg('--utf8-strings', '--gen-key', parameters);
  return await existingKey({ path, gpg }, 'latin@example.org', LATIN_NAME);
}

/** A new signing key, without a passphrase. `expires` is gpg's: `never`, `seconds=1`, an ISO date. */
export async function gpgKey(
  uid = 'Tester <tester@example.org>',
  { expires = 'never', home, atEnd }: { expires?: string; home?: GpgHome; atEnd?: AtEnd } = {},
): Promise<GpgKey> {
  const { path, gpg } = home ?? (await gpgHome(atEnd));
  await gpg('--pinentry-mode=loopback', '--passphrase=', '--quick-gen-key', uid, 'ed25519', 'sign', expires);
  return await existingKey({ path, gpg }, `=${uid}`, uid);
}

/** The key of a home that gpg finds by `name`. */
async function existingKey({ path, gpg }: GpgHome, name: string, uid: string): Promise<GpgKey> {
  const listed = await gpg('--with-colons', '--list-keys', name);
  const keyId = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1];
  if (!keyId) throw new Error(`gpg lists no key for ${uid}:\n${listed}`);
  const publicKey = await gpg('--armor', '--export', keyId);
  const binary = async (input: Uint8Array, ...args: string[]) => {
    const { stdout } = await execa('gpg', ['--homedir', path, '--batch', '--no-tty', ...args], {
      input,
      encoding: 'buffer',
      stripFinalNewline: false, // its last byte may be one
    });
    return stdout;
  };
  return {
    path,
    gpg,
    keyId,
    uid,
    publicKey: `${publicKey}\n`,
    publicKeyBytes: await binary(new Uint8Array(), '--export', keyId),
    sign: (data, ...args) => binary(data, ...args, '--local-user', keyId, '--detach-sign'),
  };
}
