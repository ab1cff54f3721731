// The options of a remote, between their names here and those of ostree.repo-config(5).
import type { KeyValue, RemoteSettings as NativeSettings } from '../typings/addon.js';
import {
  checkArray,
  checkBoolean,
  checkCollectionId,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  checkRef,
  checkString,
  typeError,
  valueError,
} from './check.js';
import { byKey } from './config.js';
import { checkLine, checkUrl } from './fetch.js';

const SIGN_TYPES = ['ed25519', 'spki', 'dummy'] as const;

/** A signature engine other than GPG. */
export type SignType = (typeof SIGN_TYPES)[number];

/** The public keys that one engine verifies with. */
export interface VerificationKeys {
  /** One key, base64. */
  key?: string | undefined;
  /** The path of a file with a key a line. */
  file?: string | undefined;
}

export type ConfigSetting = string | boolean | string[];

/** The options of a remote that libostree reads; see `ostree.repo-config(5)`. What is not given is not written. */
export interface RemoteSettings {
  /** Fetch file contents from here, and only metadata from the remote's URL; `mirrorlist=URL` too. */
  contentUrl?: string | undefined;
  /** The collection that the remote's refs belong to. */
  collectionId?: string | undefined;
  /** The refs that a pull without refs fetches. */
  branches?: string[] | undefined;
  /** Commits must be signed by a key of the remote. On unless set to false. */
  gpgVerify?: boolean | undefined;
  /** The summary must be signed by a key of the remote. Off unless set. */
  gpgVerifySummary?: boolean | undefined;
  /** Key files, or directories of them, in place of imported keys. */
  gpgKeyPath?: string | string[] | undefined;
  /** Commits must be signed for one of these engines; true: for any engine that has keys. */
  signVerify?: boolean | SignType[] | undefined;
  /** The same of the summary. */
  signVerifySummary?: boolean | SignType[] | undefined;
  verificationKeys?: { [T in SignType]?: VerificationKeys | undefined } | undefined;
  /** The URL of a proxy. */
  proxy?: string | undefined;
  /** Whether to speak HTTP/2; the library's own default unless given. */
  http2?: boolean | undefined;
  /** Accept any TLS certificate of the server. */
  tlsPermissive?: boolean | undefined;
  /** Our certificate and its key: both or none. */
  tlsClientCertPath?: string | undefined;
  tlsClientKeyPath?: string | undefined;
  /** The certificates to trust, in place of the system's. */
  tlsCaPath?: string | undefined;
  /** Somebody other than libostree fetches from this remote. */
  customBackend?: string | undefined;
  /** Every pull fails with this text, which tells what to do first. */
  unconfiguredState?: string | undefined;
  /** Any other keys of the remote's section, as `ostree remote add --set`. */
  settings?: Record<string, ConfigSetting> | undefined;
}

/** What the config says of a remote. */
export interface RemoteConfig {
  name: string;
  /** As it stands there, with `mirrorlist=` where it has that. */
  url: string | null;
  metalink: string | null;
  contentUrl: string | null;
  collectionId: string | null;
  branches: string[];
  gpgVerify: boolean;
  gpgVerifySummary: boolean;
  gpgKeyPath: string[];
  signVerify: boolean | string[];
  signVerifySummary: boolean | string[];
  verificationKeys: Record<string, VerificationKeys>;
  proxy: string | null;
  /** null: the library's own default. */
  http2: boolean | null;
  tlsPermissive: boolean;
  tlsClientCertPath: string | null;
  tlsClientKeyPath: string | null;
  tlsCaPath: string | null;
  customBackend: string | null;
  unconfiguredState: string | null;
  /** The other keys of its section. */
  settings: Record<string, string>;
}

/** A value to write; null removes the key. */
type Entry = [key: string, value: ConfigSetting | null];

type Check = (value: unknown, name: string) => ConfigSetting;

const flag: Check = (value, name) => {
  checkBoolean(value, name);
  return value;
};
const line: Check = (value, name) => {
  checkLine(value, name);
  return value;
};
const list =
  (checkItem: (value: unknown, name: string) => void): Check =>
  (value, name) => {
    checkArray(value, name);
    return value.map((item, i) => {
      checkItem(item, `${name}[${i}]`);
      return item as string;
    });
  };
const engines: Check = (value, name) => {
  if (typeof value === 'boolean') return value;
  if (!Array.isArray(value)) throw typeError(name, 'a boolean or an array', value);
  if (value.length === 0) throw valueError(name, 'must not be an empty array; false switches it off');
  const types = list((item, itemName) => checkOneOf(item, itemName, SIGN_TYPES))(value, name);
  // One engine stands there without a list's semicolon, as the command writes it.
  return value.length === 1 ? String(value[0]) : types;
};

/** Each with its key in the config, in the order in which `ostree remote add` writes them. */
const OPTIONS: Record<Exclude<keyof RemoteSettings, 'settings' | 'verificationKeys'>, [string, Check]> = {
  branches: ['branches', list(checkRef)],
  contentUrl: [
    'contenturl',
    (value, name) => {
      checkUrl(value, name, ['mirrorlist=']);
      return value;
    },
  ],
  customBackend: ['custom-backend', line],
  proxy: ['proxy', line],
  http2: ['http2', flag],
  tlsPermissive: ['tls-permissive', flag],
  tlsClientCertPath: ['tls-client-cert-path', line],
  tlsClientKeyPath: ['tls-client-key-path', line],
  tlsCaPath: ['tls-ca-path', line],
  unconfiguredState: [
    'unconfigured-state',
    (value, name) => {
      checkName(value, name);
      return value;
    },
  ],
  gpgKeyPath: [
    'gpgkeypath',
    (value, name) => (typeof value === 'string' ? line(value, name) : list(checkLine)(value, name)),
  ],
  gpgVerify: ['gpg-verify', flag],
  gpgVerifySummary: ['gpg-verify-summary', flag],
  signVerify: ['sign-verify', engines],
  signVerifySummary: ['sign-verify-summary', engines],
  collectionId: [
    'collection-id',
    (value, name) => {
      checkCollectionId(value, name);
      return value;
    },
  ],
};

const TYPED_KEY = /^(?:url|metalink|verification-.*)$/;

function otherSettings(value: unknown): Entry[] {
  checkObject(value, 'options.settings');
  return Object.entries(value).map(([key, setting]) => {
    const name = `options.settings['${key}']`;
    // What a key file takes for a key.
    if (!/^[^=[\]\s](?:[^=[\]\n]*[^=[\]\s])?$/.test(key)) throw valueError(name, 'has a bad name');
    if (TYPED_KEY.test(key) || Object.values(OPTIONS).some(([typed]) => typed === key))
      throw valueError(name, `is an option of its own: give it by its own name`);
    if (setting === null || typeof setting === 'boolean') return [key, setting];
    if (Array.isArray(setting)) return [key, list(checkString)(setting, name)];
    if (typeof setting !== 'string')
      throw typeError(name, 'a string, a boolean or an array of strings', setting);
    checkString(setting, name);
    return [key, setting];
  });
}

function verificationKeys(value: unknown): Entry[] {
  checkObject(value, 'options.verificationKeys');
  return Object.entries(value).flatMap(([type, keys]): Entry[] => {
    const name = `options.verificationKeys.${type}`;
    checkOneOf(type, 'a key of options.verificationKeys', SIGN_TYPES);
    if (keys === null) return ['key', 'file'].map((what) => [`verification-${type}-${what}`, null]);
    checkObject(keys, name);
    checkKnown(keys, { key: true, file: true }, name);
    return ['key', 'file'].flatMap((what): Entry[] =>
      keys[what] === undefined ? [] : [[`verification-${type}-${what}`, line(keys[what], `${name}.${what}`)]],
    );
  });
}

/** The entries of the remote's section that the options ask for, checked. An empty list removes its key. */
export function configEntries(options: { [K in keyof RemoteSettings]?: RemoteSettings[K] | null }): Entry[] {
  const entries: Entry[] = [];
  // In the order in which the command writes them.
  if (options.verificationKeys) entries.push(...verificationKeys(options.verificationKeys));
  for (const [option, [key, check]] of Object.entries(OPTIONS)) {
    const value = options[option as keyof typeof OPTIONS];
    if (value === undefined) continue;
    const checked = value === null ? null : check(value, `options.${option}`);
    entries.push([key, Array.isArray(checked) && checked.length === 0 ? null : checked]);
  }
  if (options.settings) entries.push(...otherSettings(options.settings));
  if ((options.tlsClientCertPath == null) !== (options.tlsClientKeyPath == null))
    throw valueError('options.tlsClientCertPath', 'and options.tlsClientKeyPath go together');
  return entries;
}

/** What GKeyFile takes for true and false; else a list. */
function engineList(raw: string | null): boolean | string[] {
  if (raw === null || raw === '' || raw === 'false' || raw === '0') return false;
  if (raw === 'true' || raw === '1') return true;
  return raw.split(';').filter((type) => type !== '');
}

/** The addon's answer, in the types of this package. */
export function remoteConfig(name: string, raw: NativeSettings): RemoteConfig {
  const keys = new Map<string, VerificationKeys>();
  const settings: KeyValue[] = [];
  for (const { key, value } of raw.settings) {
    const { type, what } = /^verification-(?<type>.+)-(?<what>key|file)$/.exec(key)?.groups ?? {};
    if (type === undefined) settings.push({ key, value });
    else keys.set(type, { ...keys.get(type), [what as 'key' | 'file']: value });
  }
  return {
    ...raw,
    name,
    signVerify: engineList(raw.signVerify),
    signVerifySummary: engineList(raw.signVerifySummary),
    verificationKeys: Object.fromEntries(keys),
    settings: byKey(settings),
  };
}
