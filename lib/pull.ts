// Pulling commits: from a remote, or from another repository of this machine.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { PullOptions as NativeOptions, PullOutcome, PullState } from '../typings/addon.js';
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
import { checkUrl, fetchOptions } from './fetch.js';
import { native } from './native.js';
import { pullIsolated } from './pull-isolated.js';
import type {
  CollectionRef,
  CommonOptions,
  PulledRef,
  PullLocalOptions,
  PullOptions,
  PullResult,
} from './pull-types.js';
import type { RefInfo } from './refs.js';
import { Repo } from './repo.js';
import type { RepoInner } from './repo-inner.js';

export type {
  CollectionRef,
  PulledRef,
  PullLocalOptions,
  PullOptions,
  PullProgress,
  PullResult,
} from './pull-types.js';

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
  const given = source instanceof Repo ? source.path : source;
  checkName(given, 'source');
  const isUrl = given.startsWith('file://');
  if (isUrl) checkUrl(given, 'source');
  checkOptions(options, LOCAL);
  const { remote, ...common } = options;
  if (remote !== undefined) checkRemoteName(remote, 'options.remote');
  const url = isUrl ? new URL(given).href : pathToFileURL(resolve(given)).href;
  return await start(repo, url, remote === undefined ? common : { ...common, overrideRemoteName: remote });
}
