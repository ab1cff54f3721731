// Finding remotes that have refs of collections, and pulling from those found.
import type { FoundRemoteHandle, PullFoundOutcome, PullState } from '../typings/addon.js';
import type { CallOptions, ProgressOptions } from './call.js';
import {
  type Names,
  checkArray,
  checkBoolean,
  checkInteger,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  checkOptions,
  typeError,
  valueError,
} from './check.js';
import { checkUrl, type FetchOptions, fetchOptions } from './fetch.js';
import { native } from './native.js';
import {
  checkCollectionRef,
  checkKeyrings,
  type CollectionRef,
  type PullOptions,
  type PullProgress,
} from './pull.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

/**
 * Where remotes are looked for: in the config of the repository; on mounted media (`ostree create-usb` makes them), as
 * GLib knows of them; in the local network, by Avahi; or at a URL, such as file:///mnt/usb/.ostree/repo.
 */
export type Finder = 'config' | 'mount' | 'lan' | { url: string };

export interface FindRemotesOptions extends CallOptions {
  /** `core.default-repo-finders` unless given, without the local network where that cannot be had. */
  finders?: Finder[] | undefined;
  /** As for a pull. */
  networkRetries?: number | undefined;
}

/** A ref that was asked for, at one of the remotes. */
export interface FoundRef {
  collectionId: string;
  ref: string;
  /** The newest commit of all remotes; null where this remote has not got it. */
  checksum: Checksum | null;
  /** Of that commit. */
  timestamp: Date | null;
}

/** A remote that has some of the refs. {@link Repo.pullFromRemotes} takes it, but no copy of it. */
export interface FoundRemote {
  /** A name made up of its URL, unless it is in the config. */
  name: string;
  finder: 'config' | 'mount' | 'lan' | 'url';
  url: string | null;
  /** The lower, the better. */
  priority: number;
  summaryLastModified: Date | null;
  refs: FoundRef[];
}

export interface PullFromRemotesOptions
  extends ProgressOptions<PullProgress>, Omit<FetchOptions, 'overrideUrl'> {
  /** As for {@link Repo.pull}. */
  depth?: number | undefined;
  mirror?: boolean | undefined;
  commitOnly?: boolean | undefined;
  subdirs?: string[] | undefined;
  deltas?: 'auto' | 'off' | undefined;
  keyrings?: PullOptions['keyrings'];
  /** Milliseconds without a byte until TIMED_OUT, 100 at least. libostree itself waits for ever. */
  stallTimeout?: number | undefined;
}

/** Sizes in bytes. */
export interface PullFromRemotesResult {
  refs: { collectionId: string; ref: string; old: Checksum | null; new: Checksum | null }[];
  bytesTransferred: number;
  metadataFetched: number;
  contentFetched: number;
  /** Milliseconds. */
  elapsed: number;
}

const FINDERS = ['config', 'mount', 'lan'] as const;
const MAX_INT = 0x7fff_ffff;
const MAX_URL = 4096;
const FIND: Names<FindRemotesOptions> = { signal: true, finders: true, networkRetries: true };
const PULL: Names<PullFromRemotesOptions> = {
  signal: true,
  onProgress: true,
  httpHeaders: true,
  networkRetries: true,
  appendUserAgent: true,
  depth: true,
  mirror: true,
  commitOnly: true,
  subdirs: true,
  deltas: true,
  keyrings: true,
  stallTimeout: true,
};

const handles = new WeakMap<object, FoundRemoteHandle>();

function checkRefs(refs: unknown): asserts refs is CollectionRef[] {
  checkArray(refs, 'refs');
  if (refs.length === 0) throw valueError('refs', 'must not be empty');
  refs.forEach((ref, i) => checkCollectionRef(ref, `refs[${i}]`));
  const withCommit = (refs as CollectionRef[]).filter((ref) => ref.checksum !== undefined);
  if (withCommit.length > 0 && withCommit.length < refs.length)
    throw valueError('refs', 'must all have a checksum, or none');
}

/** The names of finders, and the URLs. */
function splitFinders(finders: Finder[] | undefined): { finders?: string[]; urls: string[] } {
  if (finders === undefined) return { urls: [] };
  checkArray(finders, 'options.finders');
  if (finders.length === 0) throw valueError('options.finders', 'must not be empty; leave it out instead');
  const names: string[] = [];
  const urls: string[] = [];
  for (const [i, finder] of finders.entries()) {
    const name = `options.finders[${i}]`;
    if (typeof finder === 'string') {
      checkOneOf(finder, name, FINDERS);
      if (names.includes(finder)) throw valueError(name, `is there twice: '${finder}'`);
      names.push(finder);
      continue;
    }
    checkObject(finder, name);
    checkKnown(finder, { url: true }, name);
    checkUrl(finder.url, `${name}.url`);
    if (finder.url.length > MAX_URL)
      throw valueError(`${name}.url`, 'must not be longer than 4096 characters');
    // libostree knows a file: URL by its two slashes.
    urls.push(finder.url.startsWith('file:') ? new URL(finder.url).href : finder.url);
  }
  return { finders: names, urls };
}

function toDate(seconds: number | null): Date | null {
  return seconds === null ? null : new Date(seconds * 1000);
}

export async function findRemotes(
  repo: RepoInner,
  refs: CollectionRef[],
  options: FindRemotesOptions,
): Promise<FoundRemote[]> {
  checkRefs(refs);
  checkOptions(options, FIND);
  const { networkRetries } = options;
  if (networkRetries !== undefined) checkInteger(networkRetries, 'options.networkRetries', 0, MAX_INT);
  const request = { refs, networkRetries, ...splitFinders(options.finders) };
  const found = await repo.lifetime.run(options, (call) => native().findRemotes(repo.native, request, call));
  return found.map(({ handle, summaryLastModified, ...rest }) => {
    const remote: FoundRemote = {
      ...rest,
      finder: rest.finder as FoundRemote['finder'],
      summaryLastModified: toDate(summaryLastModified),
      refs: rest.refs.map((ref) => ({ ...ref, timestamp: toDate(ref.timestamp) })),
    };
    handles.set(remote, handle);
    return remote;
  });
}

function handleOf(remote: unknown, index: number): FoundRemoteHandle {
  const handle = typeof remote === 'object' && remote !== null ? handles.get(remote) : undefined;
  if (!handle) throw typeError(`found[${index}]`, 'a remote that findRemotes() found', remote);
  return handle;
}

function checkPullOptions(options: PullFromRemotesOptions): void {
  checkOptions(options, PULL);
  const { depth, mirror, commitOnly, subdirs, deltas, keyrings, stallTimeout } = options;
  if (depth !== undefined) checkInteger(depth, 'options.depth', -1, MAX_INT);
  if (mirror !== undefined) checkBoolean(mirror, 'options.mirror');
  if (commitOnly !== undefined) checkBoolean(commitOnly, 'options.commitOnly');
  if (deltas !== undefined) checkOneOf(deltas, 'options.deltas', ['auto', 'off']);
  if (stallTimeout !== undefined) checkInteger(stallTimeout, 'options.stallTimeout', 100, MAX_INT);
  if (keyrings !== undefined) checkKeyrings(keyrings);
  if (subdirs === undefined) return;
  checkArray(subdirs, 'options.subdirs');
  subdirs.forEach((path, i) => {
    checkName(path, `options.subdirs[${i}]`);
    if (!path.startsWith('/')) throw valueError(`options.subdirs[${i}]`, 'must begin with a slash');
  });
}

export async function pullFromRemotes(
  repo: RepoInner,
  found: FoundRemote[],
  options: PullFromRemotesOptions,
): Promise<PullFromRemotesResult> {
  checkArray(found, 'found');
  if (found.length === 0) throw valueError('found', 'must not be empty: there is no remote to pull from');
  checkPullOptions(options);
  const remotes = found.map((remote, i) => handleOf(remote, i));
  const { signal: _signal, onProgress: _onProgress, ...rest } = options;
  const { httpHeaders, networkRetries, appendUserAgent, ...given } = rest;
  const request = { ...given, fetch: fetchOptions({ httpHeaders, networkRetries, appendUserAgent }) };
  const { refs, state, elapsed } = await repo.lifetime.run<PullFoundOutcome, PullState>(options, (call) =>
    native().pullFromRemotes(repo.native, remotes, request, call),
  );
  return {
    refs,
    bytesTransferred: state.bytesTransferred,
    metadataFetched: state.metadataFetched,
    contentFetched: state.fetched - state.metadataFetched,
    elapsed,
  };
}
