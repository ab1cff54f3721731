// fsck: whether a repository holds what its commits need, unharmed.
import { type ProgressOptions, run } from './call.js';
import { type Names, checkBoolean, checkOptions } from './check.js';
import { type ObjectName, OstreeError } from './errors.js';
import { checkNotHolding } from './holding.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

export interface FsckProgress {
  /** Objects checked so far. */
  objects: number;
  /** Objects known of so far; it grows while directories are still being read. */
  total: number;
  /** Bytes hashed so far; of files, uncompressed. */
  bytes: number;
}

export interface FsckOptions extends ProgressOptions<FsckProgress> {
  /** Check that each commit is bound to the refs that name it. */
  verifyBindings?: boolean | undefined;
  /** Check that the refs a commit is bound to name it; implies `verifyBindings`. */
  verifyBackRefs?: boolean | undefined;
  /** Delete corrupt objects, and mark the commits that needed them as partial. Needs the repository for itself. */
  delete?: boolean | undefined;
  /** Mark commits that lack objects as partial, which `ostree fsck` always does. */
  markPartial?: boolean | undefined;
  /**
   * Delete each commit whose parent is not here, leave a tombstone in its place, and have later deletions leave one too
   * (`core.tombstone-commits`): what `ostree fsck --add-tombstones` does. Refs to such a commit are left without it.
   */
  addTombstones?: boolean | undefined;
  /** A remote to fetch bad objects from again. Not implemented: NOT_SUPPORTED. */
  repair?: string | undefined;
}

/**
 * What is wrong with an object:
 * - `missing`: a commit or ref needs it, and it is not here
 * - `corrupt`: its content is not what its checksum says, or is nothing that such an object can hold
 * - `unreadable`: this process may not read it
 * - `binding`, `back-ref`: a commit and a ref do not agree on each other
 * - `ref`: a ref holds something that is no checksum
 * - `partial`: the commit was never here as a whole, so its objects were not verified
 * - `fsck-partial`: the same, because an earlier fsck missed or deleted some of them
 */
export type FsckFindingKind =
  'missing' | 'corrupt' | 'unreadable' | 'binding' | 'back-ref' | 'ref' | 'partial' | 'fsck-partial';

export interface FsckFinding {
  object: ObjectName;
  kind: FsckFindingKind;
  /** libostree's own words, where it has any. */
  message: string;
  /** The commits that need the object. */
  commits: Checksum[];
  /** Where the object is in them: up to a hundred paths. */
  paths: string[];
  /** The ref, where one is concerned. */
  ref?: string;
  /** Whether the object was deleted. */
  deleted: boolean;
}

export interface FsckReport {
  /** `corrupt` is when `ostree fsck` fails; `partial` is ok, but for partial commits, which were not verified. */
  verdict: 'ok' | 'partial' | 'corrupt';
  /** How many objects were checked. */
  objects: number;
  /** How many commits were verified; partial ones are not. */
  commits: number;
  findings: FsckFinding[];
  /** Commits that were marked as partial. */
  markedPartial: Checksum[];
  /** Commits that were replaced by a tombstone. */
  tombstones: Checksum[];
}

const FLAGS = ['verifyBindings', 'verifyBackRefs', 'delete', 'markPartial', 'addTombstones'] as const;

const OPTIONS: Names<FsckOptions> = {
  signal: true,
  onProgress: true,
  verifyBindings: true,
  verifyBackRefs: true,
  delete: true,
  markPartial: true,
  addTombstones: true,
  repair: true,
};

export async function fsck(repo: RepoInner, options: FsckOptions): Promise<FsckReport> {
  checkOptions(options, OPTIONS);
  for (const flag of FLAGS) if (options[flag] !== undefined) checkBoolean(options[flag], `options.${flag}`);
  if (options.repair !== undefined)
    throw new OstreeError('NOT_SUPPORTED', 'repair is not implemented: delete what is bad, then pull again');
  const { verifyBackRefs = false, verifyBindings = false, markPartial = false } = options;
  const { delete: remove = false, addTombstones: tombstones = false } = options;
  if (remove || tombstones) checkNotHolding(repo, 'An fsck that deletes');

  const flags = { verifyBindings, verifyBackRefs, markPartial, remove, tombstones };
  const { onProgress } = options;
  return await repo.lifetime.sequence(options, async (signal) => {
    const found = await run({ signal, onProgress }, (call) => native().fsckRun(repo.native, flags, call));
    const { withoutParent, ...report } = found;
    return { ...report, tombstones: await bury(repo, withoutParent, signal) } as FsckReport;
  });
}

async function bury(repo: RepoInner, commits: Checksum[], signal: AbortSignal): Promise<Checksum[]> {
  if (commits.length === 0) return [];
  await enableTombstones(repo, signal);
  return await run({ signal }, (call) => native().fsckBury(repo.native, commits, call));
}

/** From now on a commit that is deleted leaves a tombstone. */
export async function enableTombstones(repo: RepoInner, signal: AbortSignal): Promise<void> {
  await run({ signal }, (call) =>
    native().configWrite(repo.native, 'core', 'tombstone-commits', 'true', call),
  );
}
