// Keys for ed25519 and spki signatures, in libostree's formats. Node's own crypto
// makes and checks these signatures, whether or not the library has the engine:
// they are plain signatures of the bytes.
import { type KeyObject, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { untilAborted } from './abort.js';
import { typeError, valueError } from './check.js';
import { OstreeError } from './errors.js';
import { fileError } from './file-error.js';

export const KEY_TYPES = ['ed25519', 'spki'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** What comes before the 32 bytes of an ed25519 key in PKCS #8, and in a SubjectPublicKeyInfo. */
const SECRET_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const PEM = /-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----/g;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2}==$/;

function invalid(name: string, expected: string): RangeError {
  return valueError(name, `must be ${expected}`);
}

function bytesOf(key: unknown, name: string): Buffer {
  if (key instanceof Uint8Array) return Buffer.from(key);
  if (typeof key !== 'string') throw typeError(name, 'a string or a Uint8Array', key);
  const text = key.replaceAll(/\s/g, '');
  if (!BASE64.test(text)) throw invalid(name, 'base64');
  return Buffer.from(text, 'base64');
}

/** A key in PEM, as node:crypto takes it. */
function pemOf(key: unknown): Buffer | undefined {
  if (typeof key !== 'string' && !(key instanceof Uint8Array)) return undefined;
  const bytes = typeof key === 'string' ? Buffer.from(key) : Buffer.from(key);
  return bytes.includes('-----BEGIN ') ? bytes : undefined;
}

/** The secret key of one kind: ed25519 as 64 bytes (seed and public key), spki as PEM or DER; binary or base64. */
export function secretKey(type: KeyType, key: unknown, name: string): KeyObject {
  return type === 'ed25519' ? ed25519Secret(bytesOf(key, name), name) : spkiSecret(key, name);
}

function ed25519Secret(bytes: Buffer, name: string): KeyObject {
  if (bytes.length !== 64) throw invalid(name, 'an ed25519 key of 64 bytes, the seed and the public key');
  const secret = createPrivateKey({
    key: Buffer.concat([SECRET_HEAD, bytes.subarray(0, 32)]),
    format: 'der',
    type: 'pkcs8',
  });
  if (!ed25519Public(bytes.subarray(32), name).equals(createPublicKey(secret)))
    throw invalid(name, 'an ed25519 key whose second half is the public key of its first');
  return secret;
}

function spkiSecret(key: unknown, name: string): KeyObject {
  const pem = pemOf(key);
  if (pem) return attempt(() => createPrivateKey(pem), name, 'a private key');
  const der = bytesOf(key, name);
  return attempt(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), name, 'a private key');
}

/** The public key of one kind: ed25519 as 32 bytes, spki as PEM or DER; binary or base64. */
export function publicKey(type: KeyType, key: unknown, name: string): KeyObject {
  if (type === 'ed25519') return ed25519Public(bytesOf(key, name), name);
  const pem = pemOf(key);
  if (pem) return attempt(() => createPublicKey(pem), name, 'a public key');
  const der = bytesOf(key, name);
  return attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' }), name, 'a public key');
}

function ed25519Public(bytes: Buffer, name: string): KeyObject {
  if (bytes.length !== 32) throw invalid(name, 'an ed25519 public key of 32 bytes');
  return createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, bytes]), format: 'der', type: 'spki' });
}

function attempt(make: () => KeyObject, name: string, expected: string): KeyObject {
  try {
    return make();
  } catch (error) {
    throw Object.assign(invalid(name, `${expected} in PEM or DER`), { cause: error });
  }
}

/** A public key as libostree writes it in key files: base64 of the 32 bytes, or of the SubjectPublicKeyInfo. */
export function keyText(type: KeyType, key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' });
  return (type === 'ed25519' ? der.subarray(PUBLIC_HEAD.length) : der).toString('base64');
}

/** A digest is chosen by the key, as OpenSSL does for libostree. */
export function makeSignature(data: Uint8Array, key: KeyObject): Uint8Array {
  return sign(null, data, key);
}

export function isSignature(data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  return verify(null, data, key, signature);
}

/** What a key file holds: PEM blocks, or one key in base64 a line. */
function entriesOf(file: Buffer): string[] {
  const text = file.toString('utf8');
  return text.match(PEM) ?? text.split('\n').filter((line) => line.trim() !== '');
}

/** The keys in a file, all of which must be of the kind that `parse` makes. */
export async function keysInFile(
  path: string,
  parse: (key: string, name: string) => KeyObject,
  signal: AbortSignal,
): Promise<KeyObject[]> {
  const entries = entriesOf(await readKeyFile(path, signal));
  if (entries.length === 0) throw new OstreeError('INVALID_ARGUMENT', `${path} holds no key`, { path });
  return entries.map((entry, i) => {
    try {
      return parse(entry, `key ${i + 1}`);
    } catch (error) {
      const { message } = error as Error;
      throw new OstreeError('INVALID_ARGUMENT', `${path}: ${message}`, { path, cause: error });
    }
  });
}

/** Keyrings of whole distributions have some 30 MB. */
const MAX_KEY_FILE = 64 << 20;

async function readRegular(path: string): Promise<Buffer> {
  // Not to wait for the writer of a pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new OstreeError('IS_DIRECTORY', `${path} is a directory`, { path });
    if (!stat.isFile()) throw new OstreeError('INVALID_ARGUMENT', `${path} is not a regular file`, { path });
    if (stat.size > MAX_KEY_FILE)
      throw new OstreeError('TOO_LARGE', `${path} is larger than ${MAX_KEY_FILE} bytes`, { path });
    return await file.readFile();
  } finally {
    await file.close();
  }
}

export async function readKeyFile(path: string, signal: AbortSignal): Promise<Buffer> {
  try {
    return await untilAborted(signal, readRegular(path));
  } catch (error) {
    if (signal.aborted || OstreeError.is(error)) throw error;
    throw fileError(error, path);
  }
}

/** Where libostree looks when a remote names no key: `trusted.ed25519`, `trusted.ed25519.d/*` and the like. */
const SYSTEM_DIRECTORIES = ['/etc/ostree', '/usr/share/ostree'];

/** The keys this system trusts, without those it has revoked. */
export async function systemKeys(
  type: KeyType,
  signal: AbortSignal,
  directories = SYSTEM_DIRECTORIES,
): Promise<KeyObject[]> {
  const trusted = await keysBelow(directories, `trusted.${type}`, type, signal);
  const revoked = await keysBelow(directories, `revoked.${type}`, type, signal);
  return trusted.filter((key) => !revoked.some((other) => other.equals(key)));
}

async function keysBelow(
  directories: string[],
  name: string,
  type: KeyType,
  signal: AbortSignal,
): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const directory of directories) {
    const inside = await readdir(join(directory, `${name}.d`)).catch(() => []);
    const paths = [join(directory, name), ...inside.map((file) => join(directory, `${name}.d`, file))];
    for (const path of paths) {
      const file = await readKeyFile(path, signal).catch(() => Buffer.alloc(0));
      signal.throwIfAborted();
      keys.push(...entriesOf(file).flatMap((entry) => keyOrNothing(type, entry)));
    }
  }
  return keys;
}

/** One key or none: in these files a line that is no key counts for nothing, and takes no other with it. */
export function keyOrNothing(type: KeyType, entry: string): KeyObject[] {
  try {
    return [publicKey(type, entry, 'key')];
  } catch {
    return [];
  }
}
