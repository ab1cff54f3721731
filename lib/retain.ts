// retain: a retention policy, that is, how much of each branch's history is kept.
import type { BranchRule, PruneOptions as NativeOptions, PruneTally } from '../typings/addon.js';
import { type CallOptions, run } from './call.js';
import {
  type Names,
  checkBoolean,
  checkInteger,
  checkKnown,
  checkName,
  checkObject,
  checkOneOf,
  checkOptions,
} from './check.js';
import { checkNotHolding } from './holding.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

/** How much of a branch is kept: what either says. Its head always is; without `depth` and `age`, all of it. */
export interface RetainRule {
  /** So many parents of the head; -1 for all. */
  depth?: number | undefined;
  /** Milliseconds: the commits that are younger, from the head up to the first that is older. */
  age?: number | undefined;
}

/** What is kept. */
export interface RetainPolicy extends RetainRule {
  /**
   * Rules for single branches, in place of the above: by `ref` or `remote:ref`, or by a pattern, in which `*` and `?`
   * stand within a part of the name and `**` for any number of parts (`os/**`, `origin:app/*`). The first that matches
   * counts. `true` keeps all of a branch.
   */
  branches?: Record<string, RetainRule | true> | undefined;
  /**
   * Which static deltas are kept: those to the heads of branches, for nobody pulls anything else without being told to
   * (unless given), or those to any commit that is kept.
   */
  deltas?: 'heads' | 'commits' | undefined;
}

export interface RetainOptions extends CallOptions {
  keep: RetainPolicy;
  /** Delete nothing; the result is what would have been. */
  dryRun?: boolean | undefined;
}

export interface Removed {
  count: number;
  /** As they are stored. */
  bytes: number;
}

/** What {@link Repo.retain} did. Plain data: JSON.stringify takes it. */
export interface RetainResult {
  /** Whether this is only what would have been removed. */
  dryRun: boolean;
  /** Bytes that were freed, of all kinds together. */
  bytes: number;
  removed: {
    /** Commit objects with their detached metadata. */
    commits: Removed;
    /** Directories: dirtree and dirmeta objects. */
    metadata: Removed;
    /** Objects of files and links. */
    files: Removed;
    deltas: Removed;
  };
  /** The commits that were removed. */
  commits: Checksum[];
  /** The names of the static deltas that were removed. */
  deltas: string[];
  /** The commits that are kept. */
  kept: Checksum[];
}

const OPTIONS: Names<RetainOptions> = { signal: true, keep: true, dryRun: true };
const POLICY: Names<RetainPolicy> = { depth: true, age: true, branches: true, deltas: true };
const RULE: Names<RetainRule> = { depth: true, age: true };
const MAX_DEPTH = 2 ** 31 - 1;

function checkRule({ depth, age }: RetainRule, name: string): void {
  if (depth !== undefined) checkInteger(depth, `${name}.depth`, -1, MAX_DEPTH);
  if (age !== undefined) checkInteger(age, `${name}.age`);
}

function checkPolicy(keep: unknown): asserts keep is RetainPolicy {
  checkObject(keep, 'options.keep');
  checkKnown(keep, POLICY, 'options.keep');
  checkRule(keep, 'options.keep');
  const { branches, deltas } = keep;
  if (deltas !== undefined) checkOneOf(deltas, 'options.keep.deltas', ['heads', 'commits']);
  if (branches === undefined) return;
  checkObject(branches, 'options.keep.branches');
  for (const [pattern, rule] of Object.entries(branches)) {
    checkName(pattern, 'a key of options.keep.branches');
    if (rule === true) continue;
    const name = `options.keep.branches['${pattern}']`;
    checkObject(rule, name);
    checkKnown(rule, RULE, name);
    checkRule(rule, name);
  }
}

function toRule(pattern: string, rule: RetainRule | true, now: number): BranchRule {
  if (rule === true) return { pattern };
  const since = rule.age === undefined ? undefined : Math.max(0, Math.floor((now - rule.age) / 1000));
  return { pattern, depth: rule.depth, since };
}

/** The slash makes a pattern match from the first part of a ref's name. */
function toRules({ branches = {}, ...rest }: RetainPolicy): BranchRule[] {
  const now = Date.now();
  const named = Object.entries(branches).map(([pattern, rule]) => toRule(`/${pattern}`, rule, now));
  return [...named, toRule('/**', rest, now)];
}

function toResult(tally: PruneTally, dryRun: boolean): RetainResult {
  const { commitObjects: commits, metadata, files, deltas } = tally;
  return {
    dryRun,
    bytes: commits.bytes + metadata.bytes + files.bytes + deltas.bytes,
    removed: { commits, metadata, files, deltas },
    commits: tally.commits,
    deltas: tally.deltaNames,
    kept: tally.kept,
  };
}

export async function retain(repo: RepoInner, options: RetainOptions): Promise<RetainResult> {
  checkOptions(options, OPTIONS);
  const { keep, dryRun = false } = options;
  checkPolicy(keep);
  checkBoolean(dryRun, 'options.dryRun');
  if (!dryRun) checkNotHolding(repo, 'retain()');
  const policy: NativeOptions = {
    refsOnly: true,
    depth: -1,
    onlyBranches: [],
    retainDepth: {},
    commitOnly: false,
    staticDeltas: false,
    dryRun,
    rules: toRules(keep),
    headDeltasOnly: keep.deltas !== 'commits',
  };
  return await repo.lifetime.sequence(options, async (signal) => {
    const scan = await run({ signal }, (call) => native().pruneScanTrees(repo.native, policy, call));
    const { tally } = await run({ signal }, (call) => native().pruneRun(repo.native, policy, scan, call));
    if (!tally) throw new Error('the addon counted nothing');
    return toResult(tally, dryRun);
  });
}
