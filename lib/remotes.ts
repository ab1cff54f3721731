// Remotes: where a repository pulls from.
import { resolve } from 'node:path';

import type { KeySource, SummaryRef as NativeRef } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import {
  type Names,
  checkArray,
  checkBoolean,
  checkName,
  checkOptions,
  checkRemoteName,
  typeError,
  valueError,
} from './check.js';
import { RemoteCookies } from './cookies.js';
import { checkUrl, type FetchOptions, fetchOptions } from './fetch.js';
import { withJson } from './json.js';
import { native } from './native.js';
import { configEntries, type RemoteConfig, remoteConfig, type RemoteSettings } from './remote-options.js';
import type { RepoInner } from './repo-inner.js';
import { shown } from './show.js';
import type { Checksum } from './types.js';

/** GPG public keys: binary or armoured data, armoured text, or the path of a key file; or several of them. */
export type GpgKeys = Uint8Array | string | (Uint8Array | string)[];

export interface RemoteOptions extends RemoteSettings, CallOptions {
  /** Keys to import for the remote. When that fails, the remote is not added. */
  gpgKeys?: GpgKeys | undefined;
  /** Do nothing when the remote is there already; `gpgKeys` are imported even so. */
  ifNotExists?: boolean | undefined;
  /** Replace the remote, all its options included, when it is there already. */
  replace?: boolean | undefined;
}

/** Changes: what is not given stays, null removes it. */
export type RemoteChanges = { [K in keyof RemoteSettings]?: RemoteSettings[K] | null } & {
  url?: string | null | undefined;
} & CallOptions;

export interface RemoteInfo {
  name: string;
  /** As {@link Remotes.add} takes it; null when the remote has none. */
  url: string | null;
}

export interface RemoveRemoteOptions extends CallOptions {
  /** One that is not there is no error. */
  ifExists?: boolean | undefined;
}

export interface ImportKeysOptions extends CallOptions {
  /** Fingerprints or key ids: import only these. All unless given. */
  keyIds?: string[] | undefined;
}

export interface GpgSubkey {
  /** Hex digits. */
  fingerprint: string;
  created: Date;
  /** null: never. */
  expires: Date | null;
  revoked: boolean;
  expired: boolean;
  invalid: boolean;
}

export interface GpgUserId {
  uid: string;
  name: string;
  comment: string;
  email: string;
  revoked: boolean;
  invalid: boolean;
  /** Where a Web Key Directory would have newer versions of the key. */
  advancedUrl: string | null;
  directUrl: string | null;
}

export interface GpgKey {
  /** Of the primary key. */
  fingerprint: string;
  /** The first is the primary key. */
  subkeys: GpgSubkey[];
  userIds: GpgUserId[];
}

/** A ref as a summary tells it. */
export interface RemoteRef {
  ref: string;
  /** Where the summary tells one. */
  collectionId?: string;
  checksum: Checksum;
  /** Of the commit object, in bytes. */
  size: number;
  /** Of the commit, where the summary tells. */
  timestamp?: Date;
  /** Of the commit, where the summary tells. */
  version?: string;
  /** All that the summary tells of it. */
  metadata: Record<string, unknown>;
  toJSON(): unknown;
}

export interface RemoteSummary {
  /** The file itself. */
  bytes: Uint8Array;
  /** `summary.sig`; null when the server has none. */
  signatures: Uint8Array | null;
  refs: RemoteRef[];
  /** What else it says: static deltas, when it was made, … */
  metadata: Record<string, unknown>;
  toJSON(): unknown;
}

export interface RemoteFetchOptions extends FetchOptions, CallOptions {
  /** Keep the values of metadata as {@link Variant}s, which can be written back byte for byte. */
  variants?: boolean | undefined;
}

/** The prefixes that the command takes too. */
const URL_PREFIXES = ['metalink=', 'mirrorlist='];

function date(seconds: number): Date {
  return new Date(seconds * 1000);
}

function remoteRef({ timestamp, ...ref }: NativeRef): RemoteRef {
  return withJson(timestamp === undefined ? ref : { ...ref, timestamp: date(timestamp) });
}

function keySource(keys: unknown, name: string, keyIds: unknown = []): KeySource {
  checkArray(keyIds, 'options.keyIds');
  const ids = keyIds.map((id, i) => {
    checkName(id, `options.keyIds[${i}]`);
    if (!/^(?:0x)?[0-9A-Fa-f]{8,64}$/.test(id))
      throw valueError(`options.keyIds[${i}]`, 'must be a fingerprint or key id, in hex digits');
    return id;
  });
  if (Array.isArray(keys) && keys.length === 0) throw valueError(name, 'must not be an empty list');
  const source = { data: [] as Uint8Array[], files: [] as string[], keyIds: ids };
  const add = (key: unknown, keyName: string) => {
    if (key instanceof Uint8Array) return void source.data.push(key);
    if (typeof key !== 'string') throw typeError(keyName, 'a Uint8Array or a string', key);
    checkName(key, keyName);
    if (key.includes('-----BEGIN PGP')) source.data.push(Buffer.from(key));
    else source.files.push(resolve(key));
  };
  if (Array.isArray(keys)) keys.forEach((key, i) => add(key, `${name}[${i}]`));
  else add(keys, name);
  return source;
}

const SETTINGS: Names<RemoteSettings> = {
  contentUrl: true,
  collectionId: true,
  branches: true,
  gpgVerify: true,
  gpgVerifySummary: true,
  gpgKeyPath: true,
  signVerify: true,
  signVerifySummary: true,
  verificationKeys: true,
  proxy: true,
  http2: true,
  tlsPermissive: true,
  tlsClientCertPath: true,
  tlsClientKeyPath: true,
  tlsCaPath: true,
  customBackend: true,
  unconfiguredState: true,
  settings: true,
};

const ADD: Names<RemoteOptions> = {
  ...SETTINGS,
  signal: true,
  gpgKeys: true,
  ifNotExists: true,
  replace: true,
};

const CHANGE: Names<RemoteChanges> = { ...SETTINGS, signal: true, url: true };

const REMOVE: Names<RemoveRemoteOptions> = { signal: true, ifExists: true };

const IMPORT: Names<ImportKeysOptions> = { signal: true, keyIds: true };

const FETCH: Names<RemoteFetchOptions> = {
  signal: true,
  overrideUrl: true,
  httpHeaders: true,
  networkRetries: true,
  appendUserAgent: true,
  variants: true,
};

/** `repo.remotes`. Changes are seen by every call that starts later. */
export class Remotes {
  /** The cookies sent to each remote. */
  readonly cookies: RemoteCookies;
  readonly #repo: RepoInner;

  static {
    shown(this, (it) => (#repo in it ? { repo: it.#repo.path } : undefined));
  }

  /** @internal */
  constructor(repo: RepoInner) {
    this.#repo = repo;
    this.cookies = new RemoteCookies(repo);
  }

  /**
   * Adds a remote. Its commits must be signed by one of its GPG keys unless `gpgVerify` is false.
   * Wraps `ostree_repo_remote_change()` and `ostree_repo_remote_gpg_import()`.
   *
   * @param url - an http:, https: or file: URL, or `metalink=URL` or `mirrorlist=URL`; null with a `customBackend`
   * @throws {OstreeError} `EXISTS` when there is one of that name
   */
  async add(name: string, url: string | null, options: RemoteOptions = {}): Promise<void> {
    checkRemoteName(name, 'name');
    checkOptions(options, ADD);
    const { gpgKeys, ifNotExists = false, replace = false, customBackend } = options;
    // What another program fetches from may be no URL that libostree knows.
    if (customBackend === undefined) checkUrl(url, 'url', URL_PREFIXES);
    else if (url !== null) checkName(url, 'url');
    checkBoolean(ifNotExists, 'options.ifNotExists');
    checkBoolean(replace, 'options.replace');
    if (ifNotExists && replace) throw valueError('options.ifNotExists', 'does not go with options.replace');
    const entries = configEntries(options).filter(([, value]) => value !== null);
    const keys = gpgKeys === undefined ? undefined : keySource(gpgKeys, 'options.gpgKeys');
    const kind = replace ? 'replace' : ifNotExists ? 'if-not-exists' : 'add';
    await this.#repo.lifetime.run(options, (call) =>
      native().remoteAdd(
        this.#repo.native,
        name,
        url ?? undefined,
        Object.fromEntries(entries),
        kind,
        keys,
        call,
      ),
    );
  }

  /**
   * Removes a remote and its keys; its refs stay. Wraps `ostree_repo_remote_change()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none
   */
  async remove(name: string, options: RemoveRemoteOptions = {}): Promise<void> {
    checkRemoteName(name, 'name');
    checkOptions(options, REMOVE);
    const { ifExists = false } = options;
    checkBoolean(ifExists, 'options.ifExists');
    await this.#repo.lifetime.run(options, (call) =>
      native().remoteRemove(this.#repo.native, name, ifExists, call),
    );
  }

  /** The remotes by name, a parent repository's included. Wraps `ostree_repo_remote_list()`. */
  async list(options: CallOptions = {}): Promise<RemoteInfo[]> {
    checkOptions(options);
    return await this.#repo.lifetime.run(options, (call) => native().remoteList(this.#repo.native, call));
  }

  /**
   * What the config says of a remote. Wraps `ostree_repo_get_remote_option()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such remote
   */
  async get(name: string, options: CallOptions = {}): Promise<RemoteConfig> {
    checkRemoteName(name, 'name');
    checkOptions(options);
    const raw = await this.#repo.lifetime.run(options, (call) =>
      native().remoteGet(this.#repo.native, name, call),
    );
    return remoteConfig(name, raw);
  }

  /**
   * Changes options of a remote and leaves the others as they are. Wraps `ostree_repo_remote_change()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such remote
   */
  async setOptions(name: string, changes: RemoteChanges): Promise<void> {
    checkRemoteName(name, 'name');
    checkOptions(changes, CHANGE);
    const { url, ...options } = changes;
    const entries = configEntries(options);
    if (url != null) checkUrl(url, 'options.url', URL_PREFIXES);
    if (url !== undefined) {
      const metalink = url?.startsWith('metalink=') ? url.slice('metalink='.length) : null;
      entries.push(['url', metalink === null ? url : null], ['metalink', metalink]);
    }
    const set = Object.fromEntries(entries.filter(([, value]) => value !== null));
    const removed = entries.flatMap(([key, value]) => (value === null ? [key] : []));
    await this.#repo.lifetime.run(options, (call) =>
      native().remoteSetOptions(this.#repo.native, name, set, removed, call),
    );
  }

  /**
   * Trusts further GPG keys for a remote. Wraps `ostree_repo_remote_gpg_import()`.
   *
   * @returns how many of them were new
   * @throws {OstreeError} `NOT_FOUND` when there is no such remote, or no such key among `keyIds`; `NOT_SUPPORTED` for a
   *   key with a user ID that is not UTF-8, on which libostree crashes
   */
  async importGpgKeys(name: string, keys: GpgKeys, options: ImportKeysOptions = {}): Promise<number> {
    checkRemoteName(name, 'name');
    checkOptions(options, IMPORT);
    const source = keySource(keys, 'keys', options.keyIds);
    return await this.#repo.lifetime.run(options, (call) =>
      native().remoteImportKeys(this.#repo.native, name, source, call),
    );
  }

  /**
   * The GPG keys trusted for a remote. Wraps `ostree_repo_remote_get_gpg_keys()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such remote; `NOT_SUPPORTED` when a user ID is not UTF-8
   */
  async gpgKeys(name: string, options: CallOptions = {}): Promise<GpgKey[]> {
    checkRemoteName(name, 'name');
    checkOptions(options);
    const keys = await this.#repo.lifetime.run(options, (call) =>
      native().remoteKeys(this.#repo.native, name, call),
    );
    return keys.map(({ subkeys, userIds }) => ({
      fingerprint: subkeys[0]?.fingerprint ?? '',
      subkeys: subkeys.map((subkey) => ({
        ...subkey,
        created: date(subkey.created),
        expires: subkey.expires === 0 ? null : date(subkey.expires),
      })),
      userIds,
    }));
  }

  /**
   * The refs that a remote offers, by its summary. Wraps `ostree_repo_remote_fetch_summary_with_options()`.
   * Aborting ends the call at once; the request goes on until the server ends it.
   *
   * @throws {OstreeError} `NOT_FOUND` when the server has no summary, `SIGNATURE` when the summary must be signed and is not
   */
  async refs(name: string, options: RemoteFetchOptions = {}): Promise<RemoteRef[]> {
    return (await this.#fetch(name, options)).summary.refs.map(remoteRef);
  }

  /**
   * A remote's summary. Wraps `ostree_repo_remote_fetch_summary_with_options()`; fails as {@link Remotes.refs} does.
   */
  async summary(name: string, options: RemoteFetchOptions = {}): Promise<RemoteSummary> {
    const { bytes, signatures, summary } = await this.#fetch(name, options);
    return withJson({ bytes, signatures, refs: summary.refs.map(remoteRef), metadata: summary.metadata });
  }

  async #fetch(name: string, options: RemoteFetchOptions) {
    checkRemoteName(name, 'name');
    checkOptions(options, FETCH);
    const { variants = false } = options;
    checkBoolean(variants, 'options.variants');
    const request = { ...fetchOptions(options), variants };
    return await this.#repo.lifetime.run(options, (call) =>
      native().remoteSummary(this.#repo.native, name, request, call),
    );
  }
}
