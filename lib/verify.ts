// Whose signatures a commit or a summary has, and whether any of them counts.
import type { KeyObject } from 'node:crypto';

import type { GpgSignature as NativeGpgSignature, GpgTrust, SignedData } from '../typings/addon.js';
import { type CallOptions, type Step, stepsUnder } from './call.js';
import {
  type Names,
  checkBoolean,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  checkOptions,
  checkRemoteName,
  checkRev,
  typeError,
  valueError,
} from './check.js';
import { OstreeError, type SignatureFailure } from './errors.js';
import {
  KEY_TYPES,
  type KeyType,
  isSignature,
  keyText,
  keysInFile,
  publicKey,
  readKeyFile,
  systemKeys,
} from './keys.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { signatureType } from './sign.js';
import type { Rev } from './types.js';

/**
 * A key to trust. A string is a GPG key in armour, an ed25519 key in base64 or an spki key in PEM, or else the path of a
 * file with GPG keys, as `gpg --export` writes them; bytes are such keys, or 32 bytes an ed25519 key. Of an object that
 * tells the kind, ed25519 keys are 32 bytes, binary or base64; spki keys are PEM or DER. A file of those has one key in
 * base64 a line, or PEM blocks.
 */
export type PublicKey = string | Uint8Array | TypedKey<'gpg'> | TypedKey<'ed25519' | 'spki'>;

export type TypedKey<T extends 'gpg' | 'ed25519' | 'spki'> =
  { type: T; publicKey: string | Uint8Array } | { type: T; publicKeyFile: string };

export interface VerifyOptions extends CallOptions {
  /** Trust what the config of this remote trusts, and want every kind of signature that a pull from it would. */
  remote?: string | undefined;
  /** Trust these keys, and no others. */
  keys?: PublicKey | PublicKey[] | undefined;
  /** true: tell of the signatures instead of rejecting when none counts. */
  report?: boolean | undefined;
}

/** A GPG signature, as gpg judges it. */
export interface GpgSignature {
  type: 'gpg';
  /** Whether it is good, and by a key that is trusted, and neither of them has expired or been revoked. */
  valid: boolean;
  /** The last 16 hex digits of the fingerprint. */
  keyId: string;
  /** Of the key that signed; only its key id where the signature says no more and the key is missing. */
  fingerprint: string;
  /** Of the primary key of it; null when the key is missing. */
  fingerprintPrimary: string | null;
  /** The signature has expired. */
  expired: boolean;
  keyExpired: boolean;
  revoked: boolean;
  /** The key is not among those trusted. */
  missing: boolean;
  timestamp: Date;
  expires: Date | null;
  keyExpires: Date | null;
  primaryKeyExpires: Date | null;
  /** From the key's first user ID; null where that is not known. */
  userName: string | null;
  userEmail: string | null;
  publicKeyAlgorithm: string;
  hashAlgorithm: string;
  /** Why it is not valid, in libostree's words. */
  reason?: string;
}

/** A signature of one of libostree's other engines. */
export interface KeySignature {
  type: 'ed25519' | 'spki';
  valid: boolean;
  /** The trusted key it is by, in base64; null when there is none. */
  publicKey: string | null;
  /** Why it is not valid. */
  reason?: string;
}

/** What stands among the signatures of a kind but cannot be read as one, or is of a kind that nothing here verifies. */
export interface UnreadableSignature {
  type: string;
  valid: false;
  reason: string;
}

export type Signature = GpgSignature | KeySignature | UnreadableSignature;

export interface VerifyResult {
  /** Whether there is a signature that counts, of every kind that is wanted. */
  valid: boolean;
  signatures: Signature[];
}

/** What is verified. */
interface Signed extends SignedData {
  of: 'commit' | 'summary' | 'delta';
  /** For messages. */
  name: string;
}

/** Whom to trust, and which kinds of signature must be there: one of each inner list. */
interface Trust {
  gpg: GpgTrust;
  keys: Record<KeyType, KeyObject[]>;
  wanted: string[][];
}

const ARMOUR = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

function checkKey(value: unknown, name: string): asserts value is PublicKey {
  if (value instanceof Uint8Array) return;
  if (typeof value === 'string') return checkName(value, name);
  if (typeof value !== 'object' || value === null)
    throw typeError(name, 'a string, a Uint8Array or an object', value);
  checkObject(value, name);
  checkKnown(value, { type: true, publicKey: true, publicKeyFile: true }, name);
  const { type, publicKey: key, publicKeyFile: file } = value;
  checkOneOf(type, `${name}.type`, ['gpg', 'ed25519', 'spki']);
  if (file !== undefined) return checkName(file, `${name}.publicKeyFile`);
  if (type !== 'gpg') publicKey(type, key, `${name}.publicKey`);
  else if (typeof key !== 'string' && !(key instanceof Uint8Array))
    throw typeError(`${name}.publicKey`, 'a string or a Uint8Array', key);
}

const OPTIONS: Names<VerifyOptions> = { signal: true, remote: true, keys: true, report: true };

export function checkVerifyOptions(options: VerifyOptions): void {
  checkOptions(options, OPTIONS);
  const { remote, keys, report = false } = options;
  checkBoolean(report, 'options.report');
  if (remote === undefined && keys === undefined)
    throw typeError('options.remote or options.keys', 'given', undefined);
  if (remote !== undefined && keys !== undefined)
    throw valueError('options.keys', 'does not go with options.remote');
  if (remote !== undefined) return checkRemoteName(remote, 'options.remote');
  if (!Array.isArray(keys)) return checkKey(keys, 'options.keys');
  if (keys.length === 0) throw valueError('options.keys', 'must not be empty');
  keys.forEach((key, i) => {
    checkKey(key, `options.keys[${i}]`);
  });
}

const ED25519 = /^[A-Za-z0-9+/]{43}=$/;
const PEM = '-----BEGIN PUBLIC KEY-----';

/** The key, given without its kind, where it can be none of GPG's. */
function plainKey(key: string | Uint8Array): { type: KeyType; key: KeyObject } | undefined {
  if (typeof key === 'string' ? ED25519.test(key) : key.length === 32)
    return { type: 'ed25519', key: publicKey('ed25519', key, 'options.keys') };
  const text = typeof key === 'string' ? key : Buffer.from(key);
  if (!text.includes(PEM)) return undefined;
  return { type: 'spki', key: publicKey('spki', key, 'options.keys') };
}

async function trustKeys(keys: PublicKey[], signal: AbortSignal): Promise<Trust> {
  const gpg: Uint8Array[] = [];
  const trust: Trust = { gpg: { keys: gpg }, keys: { ed25519: [], spki: [] }, wanted: [] };
  for (const key of keys) {
    const plain = typeof key === 'string' || key instanceof Uint8Array ? plainKey(key) : undefined;
    if (plain) trust.keys[plain.type].push(plain.key);
    else if (typeof key === 'string')
      gpg.push(key.includes(ARMOUR) ? Buffer.from(key) : await readKeyFile(key, signal));
    else if (key instanceof Uint8Array) gpg.push(key);
    else if (key.type === 'gpg') gpg.push(await gpgKey(key, signal));
    else trust.keys[key.type].push(...(await publicKeys(key.type, key, signal)));
  }
  return trust;
}

async function gpgKey(key: TypedKey<'gpg'>, signal: AbortSignal): Promise<Uint8Array> {
  if ('publicKeyFile' in key) return await readKeyFile(key.publicKeyFile, signal);
  return typeof key.publicKey === 'string' ? Buffer.from(key.publicKey) : key.publicKey;
}

async function publicKeys(type: KeyType, key: TypedKey<KeyType>, signal: AbortSignal): Promise<KeyObject[]> {
  if (!('publicKeyFile' in key)) return [publicKey(type, key.publicKey, 'publicKey')];
  return await keysInFile(key.publicKeyFile, (entry, name) => publicKey(type, entry, name), signal);
}

/** Which kinds `sign-verify` names, as libostree's verifiers_from_config() reads it. */
function wantedTypes(value = ''): { types: KeyType[]; named: boolean } {
  const text = value.trim();
  if (['', 'false', '0'].includes(text)) return { types: [], named: false };
  if (['true', '1'].includes(text)) return { types: [...KEY_TYPES], named: false };
  const types = text.split(/[;,]/).flatMap((part) => {
    const name = part.trim();
    if (name === '') return [];
    const type = KEY_TYPES.find((known) => known === name);
    if (type === undefined)
      throw new OstreeError('NOT_SUPPORTED', `Requested signature type is not implemented: ${name}`);
    return [type];
  });
  return { types, named: true };
}

function configuredKey(type: KeyType, key: string, remote: string): KeyObject {
  try {
    return publicKey(type, key, `verification-${type}-key`);
  } catch (error) {
    throw new OstreeError('INVALID_ARGUMENT', `Remote ${remote}: ${(error as Error).message}`, {
      remote,
      cause: error,
    });
  }
}

/** What a pull from the remote would ask for, and with which keys. */
async function trustRemote(
  repo: Pick<RepoInner, 'native'>,
  remote: string,
  of: Signed['of'],
  signal: AbortSignal,
): Promise<Trust> {
  const step = stepsUnder(signal);
  const config = await step((call) => native().verifyConfig(repo.native, remote, call));
  const { types, named } = wantedTypes(
    config.options[of === 'summary' ? 'sign-verify-summary' : 'sign-verify'],
  );
  const trust: Trust = { gpg: { remote }, keys: { ed25519: [], spki: [] }, wanted: [] };
  for (const type of types) {
    const inline = config.options[`verification-${type}-key`];
    const file = config.options[`verification-${type}-file`];
    const keys = trust.keys[type];
    if (inline !== undefined) keys.push(configuredKey(type, inline, remote));
    if (file !== undefined) keys.push(...(await publicKeys(type, { type, publicKeyFile: file }, signal)));
    if (inline === undefined && file === undefined) {
      if (named)
        throw new OstreeError('NOT_FOUND', `No keys found for required signapi type ${type}`, { remote });
      keys.push(...(await systemKeys(type, signal)));
    }
  }
  if (of === 'summary' ? config.gpgVerifySummary : of === 'commit' && config.gpgVerify)
    trust.wanted.push(['gpg']);
  if (types.length > 0) trust.wanted.push(types);
  return trust;
}

/** A second of the epoch; 0 is never. */
function dateOf(seconds: number): Date | null {
  return seconds === 0 ? null : new Date(seconds * 1000);
}

function fromGpg(signature: NativeGpgSignature): GpgSignature {
  const { reason, ...rest } = signature;
  return {
    ...rest,
    type: 'gpg',
    keyId: signature.fingerprint.slice(-16),
    fingerprintPrimary: signature.fingerprintPrimary || null,
    timestamp: new Date(signature.timestamp * 1000),
    expires: dateOf(signature.expires),
    keyExpires: dateOf(signature.keyExpires),
    primaryKeyExpires: dateOf(signature.primaryKeyExpires),
    userName: signature.userName || null,
    userEmail: signature.userEmail || null,
    ...(signature.valid ? {} : { reason }),
  };
}

/** Each on its own is a run of gpg; a stranger may have put in any number. */
const MANY = 32;

/**
 * All of them at once, as libostree does it. gpg stops there at the first that is bad or unreadable, so that what it
 * does not tell of is then verified one by one.
 */
async function verifyGpg(
  repo: Pick<RepoInner, 'native'>,
  data: Uint8Array,
  signatures: Uint8Array[],
  trust: GpgTrust,
  step: Step,
): Promise<Signature[]> {
  const verifyThese = async (these: Uint8Array[]): Promise<Signature[]> => {
    try {
      const packets = Buffer.concat(these);
      const found = await step((call) => native().verifyGpg(repo.native, data, packets, trust, call));
      return found.map(fromGpg);
    } catch (error) {
      // What gpg cannot read as signatures at all.
      if (!OstreeError.is(error, 'SIGNATURE')) throw error;
      return [{ type: 'gpg', valid: false, reason: error.message }];
    }
  };
  const together = await verifyThese(signatures);
  if (together.length === signatures.length || signatures.length > MANY) return together;
  const apart: Signature[] = [];
  for (const signature of signatures) apart.push(...(await verifyThese([signature])));
  return apart;
}

function verifyKey(type: KeyType, data: Uint8Array, signature: Uint8Array, keys: KeyObject[]): Signature {
  const key = keys.find((candidate) => isSignature(data, candidate, signature));
  if (key !== undefined) return { type, valid: true, publicKey: keyText(type, key) };
  const reason = `${type}: Signature couldn't be verified; tried ${keys.length} keys`;
  return { type, valid: false, publicKey: null, reason };
}

async function verifyAll(
  repo: Pick<RepoInner, 'native'>,
  signed: Signed,
  trust: Trust,
  step: Step,
): Promise<Signature[]> {
  const signatures: Signature[] = [];
  for (const [key, list] of Object.entries(signed.signatures)) {
    const type = signatureType(key);
    const known = KEY_TYPES.find((keyType) => keyType === type);
    if (type === 'gpg' && list.length > 0)
      signatures.push(...(await verifyGpg(repo, signed.data, list, trust.gpg, step)));
    else if (known !== undefined)
      signatures.push(
        ...list.map((signature) => verifyKey(known, signed.data, signature, trust.keys[known])),
      );
    else
      signatures.push(
        ...list.map(() => ({ type, valid: false, reason: `${type}: not verified here` }) as const),
      );
  }
  return signatures;
}

function failureOf(signature: Signature): SignatureFailure {
  const { type, reason = '' } = signature;
  return 'keyId' in signature ? { type, reason, keyId: signature.keyId } : { type, reason };
}

function rejection(what: Signed, trust: Trust, { signatures }: VerifyResult): OstreeError<'SIGNATURE'> {
  const reasons = signatures.filter(({ valid }) => !valid).map(failureOf);
  const lacking = trust.wanted.filter(
    (types) => !signatures.some(({ type, valid }) => valid && types.includes(type)),
  );
  const none = lacking.length > 0 ? `no valid signature of type ${lacking.join(' or ')}` : '';
  const text = reasons.map(({ reason }) => reason).join('\n') || none || 'no signatures found';
  return new OstreeError('SIGNATURE', `${what.name}: ${text}`, {
    checksum: what.of === 'commit' ? what.checksum : undefined,
    remote: trust.gpg.remote,
    details: { reasons },
  });
}

/** Verifies anything that is signed, as a part of a longer sequence of calls. */
export async function verifySigned(
  repo: Pick<RepoInner, 'native'>,
  signed: Signed,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const { remote, keys = [], report = false } = options;
  const trust =
    remote === undefined
      ? await trustKeys(Array.isArray(keys) ? keys : [keys], signal)
      : await trustRemote(repo, remote, signed.of, signal);
  const signatures = await verifyAll(repo, signed, trust, stepsUnder(signal));
  const isValid = (types?: string[]) =>
    signatures.some(({ type, valid }) => valid && (types?.includes(type) ?? true));
  const result = { valid: isValid() && trust.wanted.every(isValid), signatures };
  if (!result.valid && !report) throw rejection(signed, trust, result);
  return result;
}

export async function verify(repo: RepoInner, commit: Rev, options: VerifyOptions): Promise<VerifyResult> {
  checkRev(commit, 'commit');
  checkVerifyOptions(options);
  return await repo.lifetime.sequence(options, async (signal) => {
    const step = stepsUnder(signal);
    const signed = await step((call) => native().signatureList(repo.native, commit, call));
    const name = `Commit ${signed.checksum}`;
    return await verifySigned(repo, { ...signed, of: 'commit', name }, options, signal);
  });
}
