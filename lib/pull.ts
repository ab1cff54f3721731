// Pulling commits: from a remote, or from another repository of this machine.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { PullOptions as NativeOptions, PullOutcome, PullState } from '../typings/addon.js';
import type { ProgressOptions } from './call.js';
import {
  checkArray,
  checkBoolean,
  checkChecksum,
  checkCollectionId,
  checkInteger,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  checkOptions,
  checkRef,
  checkRemoteName,
  checkRev,
  checkString,
  typeError,
  valueError,
  type Names,
} from './check.js';
import { checkUrl, type FetchOptions, fetchOptions } from './fetch.js';
import { native } from './native.js';
import { pullIsolated } from './pull-isolated.js';
import type { RefInfo } from './refs.js';
import { Repo } from './repo.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum, Rev } from './types.js';

/** How far a pull is. Sizes in bytes. What libostree fetches before any object (refs, the summary) is not counted. */
export interface PullProgress {
  /** What it waits for now. `refs`: the server's refs and summary. */
  phase: 'refs' | 'scanning' | 'metadata' | 'deltas' | 'objects' | 'writing' | 'done';
  bytesTransferred: number;
  /** Known when static deltas are used. */
  totalBytes: number | null;
  /** What the static deltas become. */
  unpackedBytes: number | null;
  /** Objects fetched of those requested so far; more are requested while metadata comes in. */
  fetched: number;
  requested: number;
  metadataFetched: number;
  /** Metadata objects looked at. */
  scanned: number;
  /** Objects taken from repositories of this machine. */
  metadataImported: number;
  contentImported: number;
  deltaParts: { fetched: number; total: number };
  /** Bytes a second, over the last five. */
  rate: number;
  /** Milliseconds still to go; null while nobody can tell. */
  eta: number | null;
  /** libostree's own summary, once it is done. */
  status: string;
}

/** A ref of a collection, whichever remote offers it. */
export interface CollectionRef {
  collectionId: string;
  ref: string;
  /** The commit to pull in place of the one that the ref names. */
  checksum?: Checksum | undefined;
}

interface CommonOptions extends ProgressOptions<PullProgress> {
  /** Refs, or checksums of commits. Without: the remote's `branches`; as a mirror, or from this machine, all of them. */
  refs?: string[] | undefined;
  /** How many parents of each commit too: 0 unless given, -1 for all. */
  depth?: number | undefined;
  /** Keep the refs by their own names, as a mirror of the remote. */
  mirror?: boolean | undefined;
  /** Only the commit objects, no files. The commits stay partial. */
  commitOnly?: boolean | undefined;
  /** Only what is at or below these paths, each with a slash in front. The commits stay partial. */
  subdirs?: string[] | undefined;
  /** Do not verify the checksums of what comes in. */
  trusted?: boolean | undefined;
  /** Refuse files that are setuid, world-writable and the like. */
  bareUserOnlyFiles?: boolean | undefined;
  /**
   * Static deltas: where there are any; never; or fail without. Never in a bare repository whose parent is an
   * archive. A server that lies may end the process by one: where
   * none is trusted, `off`, or `isolate`.
   */
  deltas?: 'auto' | 'off' | 'required' | undefined;
  /** For a ref, this commit in place of the one that it names. */
  overrideCommits?: Record<string, Checksum> | undefined;
  /** Commits must be signed. As the remote's config says unless given. */
  gpgVerify?: boolean | undefined;
  /** The summary must be signed. As the remote's config says unless given. */
  gpgVerifySummary?: boolean | undefined;
  /** Do not verify commits with the remote's engines other than GPG. */
  disableSignVerify?: boolean | undefined;
  /** The same of the summary. */
  disableSignVerifySummary?: boolean | undefined;
  /** Take a commit even if it says that it belongs to another ref. */
  disableVerifyBindings?: boolean | undefined;
  /** Refuse a commit that is older than the one the ref names here: DOWNGRADE. */
  timestampCheck?: boolean | undefined;
  /** The same, compared with this commit. */
  timestampCheckFromRev?: Rev | undefined;
  /**
   * Take objects from these repositories where they have them: paths. One with a damaged object is left out: libostree
   * would end the process over it, and which ones it will ask for nobody can tell before. So of an archive or bare-user
   * repository each file object that is not here is looked at first, as far as its content, with `trusted` metadata of
   * any, too: that takes time by what the repository has rather than by what is pulled.
   */
  localCacheRepos?: string[] | undefined;
  /** The largest metadata object to accept, in bytes. */
  maxMetadataSize?: number | undefined;
  /** Flush each object by itself, so that other processes are not held up. */
  perObjectFsync?: boolean | undefined;
}

export interface PullOptions extends CommonOptions, FetchOptions {
  /** Refs of collections, in place of `refs`. */
  collectionRefs?: CollectionRef[] | undefined;
  /** Verify a ref of a collection with the keys of another remote. */
  keyrings?: { collectionId: string; ref: string; remote: string }[] | undefined;
  /** A summary that was fetched before. */
  summary?: { bytes: Uint8Array; signatures: Uint8Array } | undefined;
  /** Store the refs as those of another remote. */
  overrideRemoteName?: string | undefined;
  /** Only tell what would be fetched; needs `deltas: 'required'`. */
  dryRun?: boolean | undefined;
  /** Milliseconds without a byte from the server until TIMED_OUT, 100 at least. libostree itself waits for ever. */
  stallTimeout?: number | undefined;
  /**
   * Pull in a process of its own, which an abort or `stallTimeout` kills at once: libostree itself waits for a server
   * however long it takes. What was fetched stays for the next pull. A pull that is killed as it ends may have moved
   * refs, each of them to a whole commit. Not for what a sysroot, a lock or a transaction has of a repository:
   * NOT_SUPPORTED.
   */
  isolate?: boolean | undefined;
}

export interface PullLocalOptions extends CommonOptions {
  /**
   * Store the refs as those of this remote, and verify signatures as its config says.
   * One that is not configured needs `gpgVerify: false`.
   */
  remote?: string | undefined;
}

export interface PulledRef {
  ref: string;
  remote?: string;
  collectionId?: string;
  /** null: it was not there. The same as `new` when nothing changed. */
  old: Checksum | null;
  new: Checksum;
}

/** What a pull did. Sizes in bytes. */
export interface PullResult {
  refs: PulledRef[];
  bytesTransferred: number;
  metadataFetched: number;
  contentFetched: number;
  /** Objects taken from repositories of this machine. */
  metadataImported: number;
  contentImported: number;
  deltaParts: { fetched: number; total: number };
  /** With static deltas: what they take, and what they become. */
  totalBytes: number | null;
  unpackedBytes: number | null;
  /** Milliseconds. */
  elapsed: number;
  /** libostree's own summary. */
  status: string;
}

const MAX_INT = 0x7fff_ffff;
const CHECKSUM = /^[0-9a-f]{64}$/;
const FLAGS = [
  'mirror',
  'commitOnly',
  'trusted',
  'bareUserOnlyFiles',
  'dryRun',
  'gpgVerify',
  'gpgVerifySummary',
  'disableSignVerify',
  'disableSignVerifySummary',
  'disableVerifyBindings',
  'timestampCheck',
  'perObjectFsync',
] as const;
const COMMON: Names<CommonOptions> = {
  signal: true,
  onProgress: true,
  refs: true,
  depth: true,
  mirror: true,
  commitOnly: true,
  subdirs: true,
  trusted: true,
  bareUserOnlyFiles: true,
  deltas: true,
  overrideCommits: true,
  gpgVerify: true,
  gpgVerifySummary: true,
  disableSignVerify: true,
  disableSignVerifySummary: true,
  disableVerifyBindings: true,
  timestampCheck: true,
  timestampCheckFromRev: true,
  localCacheRepos: true,
  maxMetadataSize: true,
  perObjectFsync: true,
};

const PULL: Names<PullOptions> = {
  ...COMMON,
  overrideUrl: true,
  httpHeaders: true,
  networkRetries: true,
  appendUserAgent: true,
  collectionRefs: true,
  keyrings: true,
  summary: true,
  overrideRemoteName: true,
  dryRun: true,
  stallTimeout: true,
  isolate: true,
};

const LOCAL: Names<PullLocalOptions> = { ...COMMON, remote: true };

function checkList(value: unknown, name: string, checkItem: (item: unknown, itemName: string) => void): void {
  checkArray(value, name);
  if (value.length === 0) throw valueError(name, 'must not be empty; leave it out instead');
  value.forEach((item, i) => checkItem(item, `${name}[${i}]`));
}

function checkRefOrCommit(value: unknown, name: string): void {
  checkString(value, name);
  if (!CHECKSUM.test(value)) checkRef(value, name);
}

/** What listRefs() tells of a ref of a collection may be one, too. */
const COLLECTION_REF: Names<CollectionRef & RefInfo> = {
  collectionId: true,
  ref: true,
  checksum: true,
  remote: true,
  alias: true,
};

export function checkCollectionRef(value: unknown, name: string): void {
  checkObject(value, name);
  checkKnown(value, COLLECTION_REF, name);
  checkCollectionId(value['collectionId'], `${name}.collectionId`);
  checkRef(value['ref'], `${name}.ref`);
  if (value['checksum'] !== undefined) checkChecksum(value['checksum'], `${name}.checksum`);
}

function checkBytes(value: unknown, name: string): void {
  if (!(value instanceof Uint8Array)) throw typeError(name, 'a Uint8Array', value);
}

export function checkKeyrings(keyrings: unknown): void {
  checkList(keyrings, 'options.keyrings', (keyring, name) => {
    checkCollectionRef(keyring, name);
    checkRemoteName((keyring as { remote: unknown }).remote, `${name}.remote`);
  });
}

/** Each option by itself. */
function checkTypes(options: PullOptions): void {
  for (const flag of FLAGS) if (options[flag] !== undefined) checkBoolean(options[flag], `options.${flag}`);
  const { refs, depth, subdirs, deltas, overrideCommits, localCacheRepos, collectionRefs, summary } = options;
  if (refs !== undefined) checkList(refs, 'options.refs', checkRefOrCommit);
  if (depth !== undefined) checkInteger(depth, 'options.depth', -1, MAX_INT);
  if (subdirs !== undefined) {
    checkList(subdirs, 'options.subdirs', (path, name) => {
      checkName(path, name);
      if (!path.startsWith('/')) throw valueError(name, `must begin with a slash. Received '${path}'`);
    });
  }
  if (deltas !== undefined) checkOneOf(deltas, 'options.deltas', ['auto', 'off', 'required']);
  if (overrideCommits !== undefined) {
    checkObject(overrideCommits, 'options.overrideCommits');
    for (const [ref, checksum] of Object.entries(overrideCommits)) {
      checkRef(ref, 'a key of options.overrideCommits');
      checkChecksum(checksum, `options.overrideCommits['${ref}']`);
    }
  }
  if (options.timestampCheckFromRev !== undefined)
    checkRev(options.timestampCheckFromRev, 'options.timestampCheckFromRev');
  if (localCacheRepos !== undefined) checkList(localCacheRepos, 'options.localCacheRepos', checkName);
  if (options.maxMetadataSize !== undefined)
    checkInteger(options.maxMetadataSize, 'options.maxMetadataSize', 1);
  if (options.stallTimeout !== undefined)
    checkInteger(options.stallTimeout, 'options.stallTimeout', 100, MAX_INT);
  if (options.overrideRemoteName !== undefined)
    checkRemoteName(options.overrideRemoteName, 'options.overrideRemoteName');
  if (collectionRefs !== undefined) checkList(collectionRefs, 'options.collectionRefs', checkCollectionRef);
  if (options.keyrings !== undefined) checkKeyrings(options.keyrings);
  if (summary !== undefined) {
    checkObject(summary, 'options.summary');
    checkBytes(summary.bytes, 'options.summary.bytes');
    checkBytes(summary.signatures, 'options.summary.signatures');
  }
}

/** What does not go together; libostree would fail without a word, abort, or leave one out. */
function checkCombinations(source: string, options: PullOptions): void {
  const { refs, overrideCommits, collectionRefs, timestampCheck, depth = 0, deltas, subdirs } = options;
  const together = (name: string, other: string) =>
    valueError(`options.${name}`, `does not go with options.${other}`);
  if (timestampCheck && depth !== 0) throw together('timestampCheck', 'depth');
  if (timestampCheck && refs?.some((ref) => CHECKSUM.test(ref)))
    throw valueError('options.timestampCheck', 'needs refs: options.refs has the checksum of a commit');
  if (collectionRefs && refs) throw together('collectionRefs', 'refs');
  if (collectionRefs && overrideCommits) throw together('collectionRefs', 'overrideCommits');
  for (const ref of Object.keys(overrideCommits ?? {})) {
    if (refs && !refs.includes(ref))
      throw valueError('options.overrideCommits', `names '${ref}', which is not in options.refs`);
  }
  if (options.dryRun && deltas !== 'required')
    throw valueError('options.dryRun', "needs options.deltas to be 'required'");
  if (options.commitOnly && subdirs) throw together('commitOnly', 'subdirs');
  if (options.commitOnly && deltas === 'required') throw together('commitOnly', "deltas: 'required'");
  if (options.mirror && options.overrideRemoteName) throw together('mirror', 'overrideRemoteName');
  if (!source.startsWith('file:')) return;
  if (options.overrideUrl) throw valueError('options.overrideUrl', 'does not go with a file: URL');
  for (const name of ['gpgVerify', 'gpgVerifySummary'] as const) {
    if (options[name] && !options.overrideRemoteName)
      throw valueError(`options.${name}`, 'needs a remote, whose keys are trusted');
  }
}

function nativeOptions(source: string, options: PullOptions): NativeOptions {
  checkTypes(options);
  checkCombinations(source, options);
  const { overrideUrl, httpHeaders, networkRetries, appendUserAgent, ...rest } = options;
  const { signal: _signal, onProgress: _onProgress, isolate: _isolate, ...given } = rest;
  const { overrideCommits, localCacheRepos } = given;
  const overridden = Object.keys(overrideCommits ?? {});
  return {
    ...given,
    source,
    fetch: fetchOptions({ overrideUrl, httpHeaders, networkRetries, appendUserAgent }),
    refs: given.refs ?? (overridden.length > 0 ? overridden : undefined),
    localCacheRepos: localCacheRepos?.map((path) => resolve(path)),
  };
}

function isNew(ref: PullOutcome['refs'][number]): ref is PulledRef {
  return ref.new !== null;
}

function pullResult({ refs, state, elapsed }: PullOutcome): PullResult {
  return {
    refs: refs.filter(isNew),
    bytesTransferred: state.bytesTransferred,
    metadataFetched: state.metadataFetched,
    contentFetched: state.fetched - state.metadataFetched,
    metadataImported: state.metadataImported,
    contentImported: state.contentImported,
    deltaParts: state.deltaParts,
    totalBytes: state.totalBytes,
    unpackedBytes: state.unpackedBytes,
    elapsed,
    status: state.status,
  };
}

async function start(repo: RepoInner, source: string, options: PullOptions): Promise<PullResult> {
  const request = nativeOptions(source, options);
  const outcome = options.isolate
    ? await pullIsolated(repo, request, options)
    : await repo.lifetime.run<PullOutcome, PullState>(options, (call) =>
        native().pull(repo.native, request, call),
      );
  return pullResult(outcome);
}

export async function pull(repo: RepoInner, remote: string, options: PullOptions): Promise<PullResult> {
  checkName(remote, 'remote');
  const isFile = remote.startsWith('file:');
  if (isFile) checkUrl(remote, 'remote');
  else checkRemoteName(remote);
  checkOptions(options, PULL);
  if (options.isolate !== undefined) checkBoolean(options.isolate, 'options.isolate');
  // libostree knows a file: URL by its two slashes.
  return await start(repo, isFile ? new URL(remote).href : remote, options);
}

export async function pullLocal(
  repo: RepoInner,
  source: string | Repo,
  options: PullLocalOptions,
): Promise<PullResult> {
  const path = source instanceof Repo ? source.path : source;
  checkName(path, 'source');
  checkOptions(options, LOCAL);
  const { remote, ...common } = options;
  if (remote !== undefined) checkRemoteName(remote, 'options.remote');
  const url = pathToFileURL(resolve(path)).href;
  return await start(repo, url, remote === undefined ? common : { ...common, overrideRemoteName: remote });
}
