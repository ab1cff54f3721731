// Refs: names for commits.
import type { RefInfo } from '../typings/addon.js';
import { type CallOptions, stepsUnder } from './call.js';
import {
  type Names,
  checkBoolean,
  checkChecksum,
  checkCollectionId,
  checkOptions,
  checkRef,
  checkRefspec,
  checkRemoteName,
  checkRev,
  valueError,
} from './check.js';
import { OstreeError } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum, Rev } from './types.js';

export type { RefInfo };

export interface ResolveRevOptions extends CallOptions {
  /** Look at local refs only, not at those of remotes. */
  localOnly?: boolean | undefined;
}

export interface ListRefsOptions extends CallOptions {
  /** Only refs at or below this name. */
  prefix?: string | undefined;
  /** Tell of each alias what it stands for. */
  aliases?: boolean | undefined;
  /** false: not those of remotes. */
  remotes?: boolean | undefined;
  /** false: not those mirrored from other collections. */
  mirrors?: boolean | undefined;
  /** Refs by collection, each with its collection id, instead of by remote. */
  collections?: boolean | undefined;
}

export interface RefPlace extends CallOptions {
  /** The remote that the ref belongs to. */
  remote?: string | undefined;
  /** The collection that the ref belongs to. */
  collectionId?: string | undefined;
}

export interface SetRefOptions extends RefPlace {
  /** What the ref must name before the change, null for nothing; else CONFLICT. */
  expected?: Checksum | null | undefined;
}

const RESOLVE: Names<ResolveRevOptions> = { signal: true, localOnly: true };

export async function resolveRev(repo: RepoInner, rev: Rev, options: ResolveRevOptions): Promise<Checksum> {
  checkRev(rev);
  checkOptions(options, RESOLVE);
  const { localOnly = false } = options;
  checkBoolean(localOnly, 'options.localOnly');
  return await repo.lifetime.run(options, (call) => native().refResolve(repo.native, rev, localOnly, call));
}

/** What may be a checksum, or an abbreviated one, and is a ref nevertheless. */
const HEX = /^[0-9a-f]+$/;
/** The last two are said of a name above or below that of a ref. */
const ABSENT = ['NOT_FOUND', 'IS_DIRECTORY', 'NOT_DIRECTORY'] as const;

export async function hasRef(repo: RepoInner, refspec: string, options: CallOptions): Promise<boolean> {
  checkRefspec(refspec);
  checkOptions(options);
  if (HEX.test(refspec)) return (await listRefs(repo, options)).some(({ ref }) => ref === refspec);
  try {
    await resolveRev(repo, refspec, options);
    return true;
  } catch (error) {
    if (ABSENT.some((code) => OstreeError.is(error, code))) return false;
    throw error;
  }
}

const LIST: Names<ListRefsOptions> = {
  signal: true,
  prefix: true,
  aliases: true,
  remotes: true,
  mirrors: true,
  collections: true,
};

export async function listRefs(repo: RepoInner, options: ListRefsOptions): Promise<RefInfo[]> {
  checkOptions(options, LIST);
  const { prefix, collections = false, ...flags } = options;
  if (prefix !== undefined) checkRev(prefix, 'options.prefix');
  for (const name of ['aliases', 'remotes', 'mirrors'] as const) {
    if (flags[name] !== undefined) checkBoolean(flags[name], `options.${name}`);
  }
  checkBoolean(collections, 'options.collections');
  const refs = await repo.lifetime.run(options, (call) =>
    native().refList(repo.native, { prefix, ...flags }, collections, call),
  );
  return refs.sort(
    (a, b) => compare(a.collectionId, b.collectionId) || compare(a.remote, b.remote) || compare(a.ref, b.ref),
  );
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const PLACE: Names<SetRefOptions> = { signal: true, remote: true, collectionId: true, expected: true };

export function checkPlace(
  ref: string,
  options: RefPlace,
): { ref: string; remote: string | undefined; collectionId: string | undefined } {
  checkRef(ref);
  checkOptions(options, PLACE);
  const { remote, collectionId } = options;
  if (remote !== undefined) checkRemoteName(remote, 'options.remote');
  if (collectionId !== undefined) checkCollectionId(collectionId, 'options.collectionId');
  if (remote !== undefined && collectionId !== undefined)
    throw valueError('options.collectionId', 'does not go with remote');
  return { ref, remote, collectionId };
}

export function checkExpected(expected: unknown): asserts expected is Checksum | null | undefined {
  if (expected !== undefined && expected !== null) checkChecksum(expected, 'options.expected');
}

export async function setRef(
  repo: RepoInner,
  ref: string,
  checksum: Checksum | null,
  options: SetRefOptions,
): Promise<void> {
  const place = checkPlace(ref, options);
  if (checksum !== null) checkChecksum(checksum, 'checksum');
  checkExpected(options.expected);
  const target = { ...place, checksum, expected: options.expected };
  await repo.lifetime.run(options, (call) => native().refSet(repo.native, target, call));
}

export async function deleteRef(repo: RepoInner, ref: string, options: SetRefOptions): Promise<void> {
  const place = checkPlace(ref, options);
  checkExpected(options.expected);
  const target = { ...place, checksum: null, expected: options.expected, mustExist: true };
  await repo.lifetime.run(options, (call) => native().refSet(repo.native, target, call));
}

export async function setAlias(
  repo: RepoInner,
  ref: string,
  target: string,
  options: CallOptions,
): Promise<void> {
  checkRef(ref);
  checkRef(target, 'target');
  if (ref === target) throw valueError('target', 'must be another ref than the alias itself');
  checkOptions(options);
  await repo.lifetime.run(options, (call) => native().refSetAlias(repo.native, ref, target, call));
}

export async function resetRef(repo: RepoInner, ref: string, rev: Rev, options: CallOptions): Promise<void> {
  checkRef(ref);
  checkRev(rev);
  checkOptions(options);
  await repo.lifetime.sequence(options, async (signal) => {
    const step = stepsUnder(signal);
    const checksum = await step((call) => native().refResolve(repo.native, rev, false, call));
    const target = { ref, checksum, commitMustExist: true };
    await step((call) => native().refSet(repo.native, target, call));
  });
}
