// The objects of a repository, by their names.
import { constants } from 'node:buffer';
import { resolve } from 'node:path';

import type { ObjectParts, Xattr } from '../typings/addon.js';
import { type CallOptions, run, type Step, stepsUnder } from './call.js';
import {
  type Names,
  checkBoolean,
  checkChecksum,
  checkInteger,
  checkName,
  checkObject,
  checkOneOf,
  checkOptions,
  checkRev,
  checkSignal,
} from './check.js';
import { type Commit, toCommit } from './commit-read.js';
import type { ObjectName } from './errors.js';
import { checkNotHolding } from './holding.js';
import { iterate } from './iterate.js';
import { withJson } from './json.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { contentOf } from './tree.js';
import type { Checksum, Rev } from './types.js';

const METADATA = ['dirtree', 'dirmeta', 'commit', 'commitmeta', 'tombstone-commit'] as const;
const READABLE = ['file', ...METADATA] as const;
const TYPES = [...READABLE, 'payload-link', 'file-xattrs', 'file-xattrs-link'] as const;

export interface ReadObjectOptions extends CallOptions {
  /** Bytes: a larger file is TOO_LARGE. */
  maxSize?: number | undefined;
  /** false: do not compare the object with its checksum. */
  verify?: boolean | undefined;
  /** Keep the values of metadata as {@link Variant}s, which can be written back byte for byte. */
  variants?: boolean | undefined;
}

/** Why a commit is partial; or what its {@link Commit.state} is then to be, `partial` or `fsck-partial`. */
export type PartialReason = 'pull' | 'fsck' | 'partial' | 'fsck-partial';

export interface ReachableOptions extends CallOptions {
  /** How many ancestors count, too; 0 unless given, `Infinity` or -1 for all that are here. */
  depth?: number | undefined;
}

export interface ChecksumFileOptions extends CallOptions {
  /** false: as if it had no extended attributes. */
  xattrs?: boolean | undefined;
  /** What the file is. Unless given, the content of a tree; anything else is the file of a metadata object. */
  type?: 'file' | 'dirtree' | 'dirmeta' | 'commit' | undefined;
}

interface Owned {
  /** A whole st_mode, with the type, as in node:fs. */
  mode: number;
  uid: number;
  gid: number;
  xattrs: Record<string, Buffer>;
}
interface Raw {
  checksum: Checksum;
  /** The object as it is stored: a serialised GVariant. */
  data: Buffer;
}

export interface FileObject extends Owned {
  type: 'file';
  checksum: Checksum;
  /** Of a symlink; a byte of it that is not UTF-8 reads `\\xff`. */
  target?: string;
  /** null of a symlink. */
  content: Buffer | null;
}
export interface DirTreeObject extends Raw {
  type: 'dirtree';
  files: { name: string; checksum: Checksum }[];
  directories: { name: string; contentsChecksum: Checksum; metadataChecksum: Checksum }[];
}
export interface DirMetaObject extends Raw, Owned {
  type: 'dirmeta';
}
export interface CommitObject extends Raw {
  type: 'commit';
  commit: Commit;
}
export interface MetadataObject extends Raw {
  /** Of these, `checksum` is that of the commit. */
  type: 'commitmeta' | 'tombstone-commit';
  metadata: Record<string, unknown>;
  toJSON(): unknown;
}

/** An object: of each type its parts, and of metadata the stored bytes. */
export type StoredObject = FileObject | DirTreeObject | DirMetaObject | CommitObject | MetadataObject;

export function checkObjectName(
  value: unknown,
  name = 'name',
  types: readonly string[] = TYPES,
): asserts value is ObjectName {
  checkObject(value, name);
  checkOneOf(value['type'], `${name}.type`, types);
  checkChecksum(value['checksum'], `${name}.checksum`);
}

export function objects(repo: RepoInner, options: CallOptions): AsyncIterableIterator<ObjectName> {
  checkOptions(options);
  checkSignal(options.signal);
  return iterate(repo, () => native().objectList(repo.native), options);
}

const REACHABLE: Names<ReachableOptions> = { signal: true, depth: true };

export function reachable(
  repo: RepoInner,
  rev: Rev,
  options: ReachableOptions,
): AsyncIterableIterator<ObjectName> {
  checkRev(rev);
  checkOptions(options, REACHABLE);
  checkSignal(options.signal);
  const { depth = 0 } = options;
  if (depth !== Infinity) checkInteger(depth, 'options.depth', -1);
  return traverse(repo, rev, depth, options);
}

async function* traverse(
  repo: RepoInner,
  rev: Rev,
  depth: number,
  options: CallOptions,
): AsyncGenerator<ObjectName, void, undefined> {
  const limit = depth === Infinity || depth === -1 ? undefined : depth;
  const cursor = await repo.lifetime.run(options, (call) =>
    native().objectReachable(repo.native, rev, limit, call),
  );
  yield* iterate(repo, () => cursor, options);
}

export async function hasObject(repo: RepoInner, name: ObjectName, options: CallOptions): Promise<boolean> {
  checkObjectName(name);
  checkOptions(options);
  return await repo.lifetime.run(options, (call) => native().objectHas(repo.native, name, call));
}

export async function objectSize(repo: RepoInner, name: ObjectName, options: CallOptions): Promise<number> {
  checkObjectName(name);
  checkOptions(options);
  return await repo.lifetime.run(options, (call) => native().objectStorageSize(repo.native, name, call));
}

export async function deleteObject(repo: RepoInner, name: ObjectName, options: CallOptions): Promise<void> {
  checkObjectName(name);
  checkOptions(options);
  checkNotHolding(repo, 'deleteObject()');
  await repo.lifetime.run(options, (call) => native().objectDelete(repo.native, name, call));
}

export async function markPartial(
  repo: RepoInner,
  commit: Rev,
  partial: boolean,
  reason: PartialReason,
  options: CallOptions,
): Promise<void> {
  checkRev(commit, 'commit');
  checkBoolean(partial, 'partial');
  checkOneOf(reason, 'reason', ['pull', 'fsck', 'partial', 'fsck-partial']);
  checkOptions(options);
  await repo.lifetime.run(options, (call) =>
    native().commitMarkPartial(repo.native, commit, partial, reason.startsWith('fsck'), call),
  );
}

const toRecord = (list: Xattr[] = []) => Object.fromEntries(list.map(({ name, value }) => [name, value]));

function ownedOf({ mode = 0, uid = 0, gid = 0, xattrs }: ObjectParts): Owned {
  return { mode, uid, gid, xattrs: toRecord(xattrs) };
}

const READ: Names<ReadObjectOptions> = { signal: true, maxSize: true, verify: true, variants: true };

export async function readObject(
  repo: RepoInner,
  name: ObjectName,
  options: ReadObjectOptions,
): Promise<StoredObject> {
  checkObjectName(name, 'name', READABLE);
  checkOptions(options, READ);
  const { verify = true, variants = false } = options;
  checkBoolean(verify, 'options.verify');
  checkBoolean(variants, 'options.variants');
  const { maxSize: given = Infinity } = options;
  if (given !== Infinity) checkInteger(given, 'options.maxSize');
  const maxSize = Math.min(given, constants.MAX_LENGTH);
  const { type, checksum } = name;
  return await repo.lifetime.sequence(options, async (signal) => {
    const step = stepsUnder(signal);
    const parts = await step((call) =>
      native().objectRead(repo.native, { type, checksum }, { maxSize, verify, variants }, call),
    );
    if (type !== 'commit') return await storedObject({ type, checksum }, parts, step);
    const commit = await step((call) => native().commitRead(repo.native, checksum, variants, call));
    return { type, checksum, data: dataOf(parts), commit: toCommit(commit) };
  });
}

function dataOf({ data = Buffer.alloc(0) }: ObjectParts): Buffer {
  return data;
}

async function storedObject(
  { type, checksum }: ObjectName,
  parts: ObjectParts,
  step: Step,
): Promise<Exclude<StoredObject, CommitObject>> {
  const { files = [], directories = [], metadata = {} } = parts;
  const data = dataOf(parts);
  switch (type) {
    case 'file': {
      const content = parts.content ? await contentOf(parts.content, step) : null;
      const target = parts.target === undefined ? {} : { target: parts.target };
      return { type: 'file', checksum, ...ownedOf(parts), ...target, content };
    }
    case 'dirtree':
      return { type: 'dirtree', checksum, data, files, directories };
    case 'dirmeta':
      return { type: 'dirmeta', checksum, data, ...ownedOf(parts) };
    default:
      return withJson({ type: type as MetadataObject['type'], checksum, data, metadata });
  }
}

const CHECKSUM: Names<ChecksumFileOptions> = { signal: true, xattrs: true, type: true };

/**
 * The checksum that a file, symlink or directory of this machine would have as an object: of a directory, that of its
 * dirmeta. It is what `ostree checksum` prints. Wraps what `ostree_checksum_file_at()` does.
 *
 * @throws {OstreeError} `NOT_FOUND`, `PERMISSION_DENIED`, `FAILED` when the file keeps changing
 */
export async function checksumFile(path: string, options: ChecksumFileOptions = {}): Promise<Checksum> {
  checkName(path, 'path');
  checkOptions(options, CHECKSUM);
  const { xattrs = true, type = 'file' } = options;
  checkBoolean(xattrs, 'options.xattrs');
  checkOneOf(type, 'options.type', ['file', 'dirtree', 'dirmeta', 'commit']);
  return await run(options, (call) => native().checksumFile(resolve(path), xattrs, type !== 'file', call));
}
