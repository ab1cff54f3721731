// prune: deletes what no commit that is kept needs.
import type { PruneOptions as NativeOptions } from '../typings/addon.js';
import { type CallOptions, run } from './call.js';
import {
  type Names,
  checkArray,
  checkBoolean,
  checkChecksum,
  checkInteger,
  checkObject,
  checkOptions,
  checkRev,
  typeError,
  valueError,
} from './check.js';
import { enableTombstones } from './fsck.js';
import { checkNotHolding } from './holding.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

export interface PruneOptions extends CallOptions {
  /**
   * Keep only what refs name, and the history behind it. Otherwise every commit that is here is kept, and only objects
   * that none of them needs are deleted. `keepYoungerThan`, `onlyBranches` and `retainDepth` imply it.
   */
  refsOnly?: boolean | undefined;
  /** How many parents of each commit to keep; -1 or `Infinity`, all, unless given. */
  depth?: number | undefined;
  /** In place of `depth`: keep the commit of each ref, and its parents up to the first that is older. */
  keepYoungerThan?: Date | undefined;
  /** Refs (`ref` or `remote:ref`) whose history may be shortened; that of all others is kept as a whole. */
  onlyBranches?: string[] | undefined;
  /** `depth` by ref; it precedes all other rules for that ref. */
  retainDepth?: Record<string, number> | undefined;
  /** Delete commits, and leave the objects that they alone needed for a later prune. */
  commitOnly?: boolean | undefined;
  /** A commit, which no ref names, to be deleted first; it leaves a tombstone (`core.tombstone-commits` is set). */
  deleteCommit?: Checksum | undefined;
  /**
   * Of `deleteCommit`, delete the static deltas to it instead. Without `deleteCommit`, delete static deltas and nothing
   * else: those to commits that the rules above do not keep. The result counts them.
   */
  staticDeltas?: boolean | undefined;
  /** Delete nothing; the result is what would have been. */
  dryRun?: boolean | undefined;
}

export interface PruneResult {
  /** How many objects there were; with `commitOnly`, commits; with `staticDeltas` alone, deltas. */
  total: number;
  /** How many of them were deleted. */
  pruned: number;
  /** Their size in the repository. */
  bytes: number;
}

const FLAGS = ['refsOnly', 'commitOnly', 'staticDeltas', 'dryRun'] as const;

function checkDepth(value: unknown, name: string): asserts value is number {
  if (value !== Infinity) checkInteger(value, name, -1, 2 ** 31 - 1);
}

/** libostree has -1 for all. */
function depthOf(depth: number): number {
  return depth === Infinity ? -1 : depth;
}

const OPTIONS: Names<PruneOptions> = {
  signal: true,
  refsOnly: true,
  depth: true,
  keepYoungerThan: true,
  onlyBranches: true,
  retainDepth: true,
  commitOnly: true,
  deleteCommit: true,
  staticDeltas: true,
  dryRun: true,
};

function checkPruneOptions(options: PruneOptions): void {
  checkOptions(options, OPTIONS);
  for (const flag of FLAGS) if (options[flag] !== undefined) checkBoolean(options[flag], `options.${flag}`);
  const { depth, keepYoungerThan, onlyBranches, retainDepth, deleteCommit } = options;
  if (depth !== undefined) checkDepth(depth, 'options.depth');
  if (keepYoungerThan !== undefined) {
    if (!(keepYoungerThan instanceof Date))
      throw typeError('options.keepYoungerThan', 'a Date', keepYoungerThan);
    if (Number.isNaN(keepYoungerThan.getTime()))
      throw valueError('options.keepYoungerThan', 'must be a valid Date');
  }
  if (onlyBranches !== undefined) {
    checkArray(onlyBranches, 'options.onlyBranches');
    if (onlyBranches.length === 0) throw valueError('options.onlyBranches', 'must not be empty');
    for (const [i, branch] of onlyBranches.entries()) checkRev(branch, `options.onlyBranches[${i}]`);
  }
  if (retainDepth !== undefined) {
    checkObject(retainDepth, 'options.retainDepth');
    for (const [ref, value] of Object.entries(retainDepth))
      checkDepth(value, `options.retainDepth['${ref}']`);
  }
  if (deleteCommit !== undefined) checkChecksum(deleteCommit, 'options.deleteCommit');
  if (deleteCommit !== undefined && options.dryRun)
    throw valueError('options.deleteCommit', 'cannot be used together with options.dryRun');
}

function toNative(options: PruneOptions): NativeOptions {
  const { refsOnly = false, commitOnly = false, staticDeltas = false, dryRun = false, depth = -1 } = options;
  const { keepYoungerThan, onlyBranches = [], retainDepth = {}, deleteCommit } = options;
  return {
    refsOnly,
    depth: depthOf(depth),
    keepYoungerThan: keepYoungerThan && Math.floor(keepYoungerThan.getTime() / 1000),
    onlyBranches,
    retainDepth: Object.fromEntries(Object.entries(retainDepth).map(([ref, value]) => [ref, depthOf(value)])),
    commitOnly,
    deleteCommit,
    staticDeltas,
    dryRun,
  };
}

export async function prune(repo: RepoInner, options: PruneOptions): Promise<PruneResult> {
  checkPruneOptions(options);
  const { deleteCommit, staticDeltas, dryRun } = options;
  if (!dryRun) checkNotHolding(repo, 'A prune');
  const policy = toNative(options);
  return await repo.lifetime.sequence(options, async (signal) => {
    if (deleteCommit !== undefined && !staticDeltas) {
      await run({ signal }, (call) => native().pruneCheckDelete(repo.native, deleteCommit, call));
      await enableTombstones(repo, signal);
    }
    const scan = await run({ signal }, (call) => native().pruneScanTrees(repo.native, policy, call));
    return await run({ signal }, (call) => native().pruneRun(repo.native, policy, scan, call));
  });
}
