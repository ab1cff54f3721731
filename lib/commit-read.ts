// Commits: what they say of themselves, and their history.
import { endianness } from 'node:os';

import type { CommitInfo } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { type Names, checkBoolean, checkInteger, checkOptions, checkRev, checkSignal } from './check.js';
import type { ObjectName } from './errors.js';
import { iterate } from './iterate.js';
import { withJson } from './json.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum, Rev } from './types.js';

export interface ReadCommitOptions extends CallOptions {
  /** Keep the values of metadata as {@link Variant}s, which can be written back byte for byte. */
  variants?: boolean | undefined;
}

export interface LogOptions extends ReadCommitOptions {
  /** At most this many commits. */
  limit?: number | undefined;
}

/** The size of one object of a commit, in bytes. */
export interface ObjectSize extends ObjectName {
  /** In an archive repository, that is, compressed. */
  archived: number;
  unpacked: number;
}

/** A commit. JSON.stringify takes it: bigints become decimal strings, bytes base64. */
export interface Commit {
  checksum: Checksum;
  parent: Checksum | null;
  subject: string;
  body: string;
  timestamp: Date;
  /** The metadata's `version`. */
  version: string | null;
  /** Without `ostree.sizes`, which {@link Commit.sizes} tells. With `variants: true`, all of it. */
  metadata: Record<string, unknown>;
  /** What was added to the commit later, such as signatures; null when there is none. */
  detachedMetadata: Record<string, unknown> | null;
  /** The dirtree object of the root. */
  rootContents: Checksum;
  /** The dirmeta object of the root. */
  rootMetadata: Checksum;
  /** Of the two: the same for any two commits of the same tree. */
  contentChecksum: Checksum;
  /** `partial`: not all its objects were pulled. `fsck-partial`: some were lost and fsck took note. */
  state: 'normal' | 'partial' | 'fsck-partial';
  /** The sizes of all objects, if the commit was made with them. Not in a log. */
  readonly sizes?: ObjectSize[];
  toJSON(): unknown;
}

const OBJECT_TYPES = [
  'file',
  'dirtree',
  'dirmeta',
  'commit',
  'tombstone-commit',
  'commitmeta',
  'payload-link',
  'file-xattrs',
  'file-xattrs-link',
] as const;
const SIZE_RECORD = 49;

function unpackSizes(packed: Buffer): ObjectSize[] {
  const number = (at: number) =>
    Number(endianness() === 'LE' ? packed.readBigUInt64LE(at) : packed.readBigUInt64BE(at));
  const sizes: ObjectSize[] = [];
  for (let at = 0; at + SIZE_RECORD <= packed.length; at += SIZE_RECORD) {
    const type = OBJECT_TYPES[packed.readUInt8(at) - 1] ?? 'file';
    const checksum = packed.toString('hex', at + 1, at + 33);
    sizes.push({ type, checksum, archived: number(at + 33), unpacked: number(at + 41) });
  }
  return sizes;
}

/** What the addon says of a commit. */
export function toCommit({ timestamp, detachedMetadata, sizes: packed, ...info }: CommitInfo): Commit {
  const commit: Commit = withJson({
    ...info,
    timestamp: new Date(timestamp * 1000),
    detachedMetadata: detachedMetadata ?? null,
  });
  // There may be a hundred thousand, so they are only made for whoever looks.
  let sizes: ObjectSize[] | undefined;
  if (packed) {
    Object.defineProperty(commit, 'sizes', { enumerable: true, get: () => (sizes ??= unpackSizes(packed)) });
  }
  return commit;
}

const READ: Names<ReadCommitOptions> = { signal: true, variants: true };

export async function readCommit(repo: RepoInner, rev: Rev, options: ReadCommitOptions): Promise<Commit> {
  checkRev(rev);
  checkOptions(options, READ);
  const { variants = false } = options;
  checkBoolean(variants, 'options.variants');
  return toCommit(
    await repo.lifetime.run(options, (call) => native().commitRead(repo.native, rev, variants, call)),
  );
}

const LOG: Names<LogOptions> = { signal: true, variants: true, limit: true };

export function log(repo: RepoInner, rev: Rev, options: LogOptions): AsyncIterableIterator<Commit> {
  checkRev(rev);
  checkOptions(options, LOG);
  const { variants = false, limit = Infinity } = options;
  checkBoolean(variants, 'options.variants');
  if (limit !== Infinity) checkInteger(limit, 'options.limit');
  checkSignal(options.signal);
  return history(repo, rev, variants, limit, options);
}

async function* history(
  repo: RepoInner,
  rev: Rev,
  variants: boolean,
  limit: number,
  options: CallOptions,
): AsyncGenerator<Commit, void, undefined> {
  repo.lifetime.check();
  if (limit === 0) return;
  let count = 0;
  for await (const commit of iterate(repo, () => native().commitLog(repo.native, rev, variants), options)) {
    yield toCommit(commit);
    if (++count >= limit) return;
  }
}
