// Signing commits, by gpg, with a key, or with whatever a callback asks.
import { resolve } from 'node:path';

import type { GpgSigner as NativeGpgSigner } from '../typings/addon.js';
import { untilAborted } from './abort.js';
import { type CallOptions, type Step, stepsUnder } from './call.js';
import {
  type Names,
  checkArray,
  checkFunction,
  checkKnown,
  checkName,
  checkObject,
  checkOptions,
  checkRev,
  typeError,
  valueError,
} from './check.js';
import {
  KEY_TYPES,
  type KeyType,
  isSignature,
  keyOrNothing,
  keysInFile,
  makeSignature,
  secretKey,
} from './keys.js';
import { OstreeError } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

/** A secret key that gpg has. gpg asks for a passphrase as it is configured to, by its agent. */
export interface GpgSigner {
  type: 'gpg';
  /** An id, a fingerprint, or what else gpg finds exactly one key by. */
  keyId: string;
  /** gpg's home directory; its own default without one. */
  homedir?: string | undefined;
}

/** A key for one of libostree's own engines; it serves also where this libostree was built without that engine. */
export type KeySigner = { type: 'ed25519' | 'spki' } & (
  | {
      /** ed25519: 64 bytes, the seed and the public key; spki: PEM or DER. Binary or base64. */
      secretKey: string | Uint8Array;
    }
  | {
      /** A file with one such key in base64 a line, or PEM blocks. Every key in it signs. */
      secretKeyFile: string;
    }
);

/** What signs elsewhere: an HSM, a KMS. */
export interface CallbackSigner {
  /** The kind of signature: `gpg`, `ed25519`, `spki`, or the name of another engine of libostree. */
  type: string;
  /**
   * Signs the data as they are. For `gpg` the result is a detached signature in binary (`gpg --detach-sign` without
   * `--armor`); for `ed25519` the 64 bytes of the signature.
   */
  sign(data: Uint8Array): Promise<Uint8Array> | Uint8Array;
}

/** How to sign a commit, or a summary. */
export type Signer = GpgSigner | KeySigner | CallbackSigner;

export interface RemoveSignaturesOptions extends CallOptions {
  /** Only of this kind: `gpg`, `ed25519`, … */
  type?: string | undefined;
  /**
   * Only by these keys: for gpg the fingerprint, or its last 16 hex digits at least, of the key that signed, or of its
   * primary key where a remote's keyring has it; for ed25519 and spki the public key in base64.
   */
  keyIds?: string[] | undefined;
}

const TYPE = /^[a-z0-9][a-z0-9-]*$/;

/** Where libostree keeps signatures of a kind. */
export function metadataKey(type: string): string {
  return type === 'gpg' ? 'ostree.gpgsigs' : `ostree.sign.${type}`;
}

/** The opposite. */
export function signatureType(key: string): string {
  return key === 'ostree.gpgsigs' ? 'gpg' : key.slice('ostree.sign.'.length);
}

export function checkType(value: unknown, name: string): asserts value is string {
  checkName(value, name);
  if (!TYPE.test(value))
    throw valueError(name, `must be the name of a kind of signature. Received '${value}'`);
}

function isCallback(signer: Signer): signer is CallbackSigner {
  return 'sign' in signer;
}

export function isGpg(signer: Signer): signer is GpgSigner {
  return signer.type === 'gpg' && !isCallback(signer);
}

function isKeyType(type: string): type is KeyType {
  return (KEY_TYPES as readonly string[]).includes(type);
}

export function checkSigner(value: unknown, name: string): asserts value is Signer {
  checkObject(value, name);
  checkType(value['type'], `${name}.type`);
  if ('sign' in value) return checkFunction(value['sign'], `${name}.sign`);
  if (value['type'] === 'gpg') {
    checkKnown(value, { type: true, keyId: true, homedir: true }, name);
    checkName(value['keyId'], `${name}.keyId`);
    if (value['homedir'] !== undefined) checkName(value['homedir'], `${name}.homedir`);
  } else if (!isKeyType(value['type'])) {
    throw valueError(`${name}.type`, `must be gpg, ed25519 or spki, unless there is ${name}.sign`);
  } else if (value['secretKeyFile'] !== undefined) {
    checkKnown(value, { type: true, secretKeyFile: true }, name);
    checkName(value['secretKeyFile'], `${name}.secretKeyFile`);
  } else {
    checkKnown(value, { type: true, secretKey: true }, name);
    secretKey(value['type'], value['secretKey'], `${name}.secretKey`);
  }
}

/** One signer, or several. */
export function checkSigners(value: unknown, name: string): Signer[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((signer, i) => {
    checkSigner(signer, Array.isArray(value) ? `${name}[${i}]` : name);
    return signer;
  });
}

export function nativeGpgSigner({ keyId, homedir }: GpgSigner): NativeGpgSigner {
  return { keyId, homedir: homedir === undefined ? undefined : resolve(homedir) };
}

/** The signatures of the data that a signer other than gpg makes. */
export async function signaturesBy(
  signer: KeySigner | CallbackSigner,
  data: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  if (isCallback(signer)) {
    const signature = await untilAborted(signal, signer.sign(data));
    checkSignature(signer.type, signature);
    return [signature];
  }
  const parse = (key: unknown, name: string) => secretKey(signer.type, key, name);
  const keys =
    'secretKeyFile' in signer
      ? await keysInFile(signer.secretKeyFile, parse, signal)
      : [parse(signer.secretKey, 'signer.secretKey')];
  return keys.map((key) => makeSignature(data, key));
}

function checkSignature(type: string, signature: unknown): asserts signature is Uint8Array {
  const what = 'The result of signer.sign';
  if (!(signature instanceof Uint8Array)) throw typeError(what, 'a Uint8Array', signature);
  if (type === 'ed25519' && signature.length !== 64)
    throw valueError(
      what,
      `must be the 64 bytes of an ed25519 signature. Received ${signature.length} bytes`,
    );
  // Every OpenPGP packet begins with a byte whose highest bit is set (RFC 4880, 4.2); armour is text.
  if (type === 'gpg' && !((signature[0] ?? 0) & 0x80))
    throw valueError(what, 'must be an OpenPGP signature in binary');
}

/** Signs a commit, as a part of a longer sequence of calls. */
export async function signCommit(
  repo: Pick<RepoInner, 'native'>,
  commit: Rev,
  signer: Signer,
  signal: AbortSignal,
): Promise<void> {
  const step = stepsUnder(signal);
  if (isGpg(signer)) {
    await step((call) => native().signGpg(repo.native, commit, nativeGpgSigner(signer), call));
    return;
  }
  const { checksum, data } = await step((call) => native().signatureList(repo.native, commit, call));
  for (const signature of await signaturesBy(signer, data, signal)) {
    await step((call) =>
      native().signatureAdd(repo.native, checksum, metadataKey(signer.type), signature, call),
    );
  }
}

export async function sign(
  repo: RepoInner,
  commit: Rev,
  signer: Signer,
  options: CallOptions,
): Promise<void> {
  checkRev(commit, 'commit');
  checkSigner(signer, 'signer');
  checkOptions(options);
  await repo.lifetime.sequence(options, (signal) => signCommit(repo, commit, signer, signal));
}

const HEX_ID = /^(?:0x)?(?<hex>[0-9A-Fa-f]{16,64})$/;

function checkKeyIds(value: unknown): string[] {
  checkArray(value, 'options.keyIds');
  return value.map((id, i) => {
    const name = `options.keyIds[${i}]`;
    checkName(id, name);
    if (!HEX_ID.test(id) && !KEY_TYPES.some((type) => keyOrNothing(type, id).length > 0))
      throw valueError(name, `must be 16 or more hex digits, or a public key in base64. Received '${id}'`);
    return id;
  });
}

/** Whether a signature, the only one in `signatures`, was made by one of these keys. */
async function isBy(
  repo: RepoInner,
  type: string,
  keyIds: string[],
  data: Uint8Array,
  signature: Uint8Array,
  step: Step,
): Promise<boolean> {
  if (isKeyType(type)) {
    const keys = keyIds.flatMap((id) => keyOrNothing(type, id));
    return keys.some((key) => isSignature(data, key, signature));
  }
  if (type !== 'gpg') return false;
  const found = await step((call) => native().verifyGpg(repo.native, data, signature, {}, call)).catch(
    (error: unknown) => {
      if (OstreeError.is(error, 'SIGNATURE')) return []; // nothing that gpg knows
      throw error;
    },
  );
  return found.some(({ fingerprint, fingerprintPrimary }) =>
    keyIds.some((id) => {
      const hex = HEX_ID.exec(id)?.groups?.['hex']?.toUpperCase();
      return hex !== undefined && (fingerprint.endsWith(hex) || fingerprintPrimary.endsWith(hex));
    }),
  );
}

const REMOVE: Names<RemoveSignaturesOptions> = { signal: true, type: true, keyIds: true };

export async function removeSignatures(
  repo: RepoInner,
  commit: Rev,
  options: RemoveSignaturesOptions,
): Promise<number> {
  checkRev(commit, 'commit');
  checkOptions(options, REMOVE);
  const { type } = options;
  if (type !== undefined) checkType(type, 'options.type');
  const keyIds = options.keyIds && checkKeyIds(options.keyIds);
  return await repo.lifetime.sequence(options, async (signal) => {
    const step = stepsUnder(signal);
    const { checksum, data, signatures } = await step((call) =>
      native().signatureList(repo.native, commit, call),
    );
    const unwanted: Record<string, Uint8Array[]> = {};
    for (const [key, list] of Object.entries(signatures)) {
      const kind = signatureType(key);
      if (type !== undefined && type !== kind) continue;
      const chosen: Uint8Array[] = [];
      for (const signature of list) {
        if (keyIds === undefined || (await isBy(repo, kind, keyIds, data, signature, step)))
          chosen.push(signature);
      }
      unwanted[key] = chosen;
    }
    return await step((call) => native().signatureRemove(repo.native, checksum, unwanted, call));
  });
}
