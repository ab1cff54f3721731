// What the merge of /etc will do, before anything is deployed.
import { posix } from 'node:path';

import { type CallOptions, type Step, stepsUnder } from './call.js';
import type { ConfigDiff } from './config-diff.js';
import { type Names, checkOptions, checkRev } from './check.js';
import { checkStateroot } from './deploy.js';
import type { Deployment } from './deployment.js';
import { OstreeError } from './errors.js';
import { collect } from './iterate.js';
import { native } from './native.js';
import type { SysrootInner } from './sysroot-inner.js';
import type { Entry } from './tree.js';
import type { Checksum, Rev } from './types.js';

export interface PreviewMergeOptions extends CallOptions {
  /** The stateroot to deploy in; that of the booted deployment unless given. */
  stateroot?: string | undefined;
}

type Change = 'added' | 'removed' | 'modified';

/** A path of /etc that is changed here, or by the new commit, or by both. */
export interface MergeEntry {
  /** Below /etc, beginning with `/`. */
  readonly path: string;
  /** What was done to it here since it was shipped. */
  readonly local: Change | null;
  /** What the new commit does to what was shipped before. */
  readonly shipped: Change | null;
  /**
   * Whose state the new deployment has. `blocked`: deploying will fail, since a file that was changed here is a
   * directory now, or the reverse.
   */
  readonly result: 'local' | 'shipped' | 'blocked';
}

export interface MergePreview {
  /** The deployment whose /etc is merged; null when there is none, and /etc will be as shipped. */
  readonly from: Deployment | null;
  /** The commit that would be deployed. */
  readonly checksum: Checksum;
  /** Sorted by path. */
  readonly entries: readonly MergeEntry[];
  /** Those that are changed on both sides. */
  readonly conflicts: readonly MergeEntry[];
}

type Shipped = Map<string, Entry>;

async function shippedIn(sysroot: SysrootInner, rev: Checksum, step: Step): Promise<Shipped> {
  const entries: Shipped = new Map();
  try {
    for (const entry of await collect(native().treeWalk(sysroot.repo.native, rev, '/usr/etc'), step))
      if (entry.path !== '/usr/etc') entries.set(entry.path.slice('/usr/etc'.length), entry);
  } catch (error) {
    // A tree without configuration.
    if (!OstreeError.is(error, 'NOT_FOUND') || error.path !== '/usr/etc') throw error;
  }
  return entries;
}

/** A directory counts by its own permissions: what is in it has entries of its own. */
const stateOf = (entry: Entry): string =>
  `${entry.type} ${String(entry.type === 'directory' ? entry.metadataChecksum : entry.checksum)}`;

function shippedChanges(before: Shipped, after: Shipped): Map<string, Change> {
  const changes = new Map<string, Change>();
  for (const [path, entry] of after) {
    const old = before.get(path);
    if (!old) changes.set(path, 'added');
    else if (stateOf(old) !== stateOf(entry)) changes.set(path, 'modified');
  }
  for (const path of before.keys()) if (!after.has(path)) changes.set(path, 'removed');
  return changes;
}

interface Local {
  change: Change;
  isDirectory: boolean;
}

function localChanges(diff: ConfigDiff): Map<string, Local> {
  const changes = new Map<string, Local>();
  const add = (change: Change, path: string, type: string) =>
    changes.set(path, { change, isDirectory: type === 'directory' });
  for (const { path, type } of diff.removed) add('removed', path, type);
  for (const { path, to } of diff.modified) add('modified', path, to.type);
  for (const { path, type } of diff.added) add('added', path, type);
  return changes;
}

function* parents(path: string): Generator<string> {
  for (let dir = posix.dirname(path); dir !== '/'; dir = posix.dirname(dir)) yield dir;
}

/** What libostree does with one path that was changed here: it knows the new tree only by what is in the way. */
function resultOf(
  path: string,
  local: Local,
  changes: Map<string, Local>,
  after: Shipped,
): MergeEntry['result'] {
  if (local.change === 'removed') return 'local';
  const gone = (at: string) => [at, ...parents(at)].some((dir) => changes.get(dir)?.change === 'removed');
  const there = (at: string) => (gone(at) ? undefined : after.get(at));
  for (const dir of parents(path)) {
    const type = there(dir)?.type;
    // What takes the place of a file was changed here itself.
    if (type !== undefined && type !== 'directory' && !changes.has(dir)) return 'blocked';
  }
  if (there(path)?.type !== 'directory') return 'local';
  if (!local.isDirectory) return 'blocked';
  return bringsItsOwn(path, changes, after) ? 'local' : 'shipped';
}

/** A directory stays as shipped, unless something that is put into it brings the permissions that it has here along. */
function bringsItsOwn(path: string, changes: Map<string, Local>, after: Shipped): boolean {
  const there = (at: string) => after.get(at)?.type === 'directory';
  return [...changes].some(
    ([at, { change, isDirectory }]) =>
      change !== 'removed' &&
      // What is not there (any more) is made again for all that was put below it.
      (there(path) ? posix.dirname(at) === path : at.startsWith(`${path}/`)) &&
      !(isDirectory && there(at)),
  );
}

function merge(diff: ConfigDiff, before: Shipped, after: Shipped): MergeEntry[] {
  const locals = localChanges(diff);
  const shipped = shippedChanges(before, after);
  const entries: MergeEntry[] = [];
  for (const path of new Set([...locals.keys(), ...shipped.keys()])) {
    const removed = [...parents(path)].some((dir) => locals.get(dir)?.change === 'removed');
    const local = locals.get(path) ?? (removed ? { change: 'removed' as const, isDirectory: false } : null);
    const mine = local ? resultOf(path, local, locals, after) : bringsItsOwn(path, locals, after) && 'local';
    const result = mine || 'shipped';
    entries.push(
      Object.freeze({ path, local: local?.change ?? null, shipped: shipped.get(path) ?? null, result }),
    );
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const OPTIONS: Names<PreviewMergeOptions> = { signal: true, stateroot: true };

export async function previewMerge(
  sysroot: SysrootInner,
  rev: Rev,
  options: PreviewMergeOptions,
): Promise<MergePreview> {
  checkRev(rev);
  checkOptions(options, OPTIONS);
  const { stateroot } = options;
  if (stateroot !== undefined) checkStateroot(stateroot, 'options.stateroot');
  return await sysroot.lifetime.sequence(options, (signal) =>
    previewIn(sysroot, rev, stateroot, stepsUnder(signal)),
  );
}

async function previewIn(
  sysroot: SysrootInner,
  rev: Rev,
  stateroot: string | undefined,
  step: Step,
): Promise<MergePreview> {
  const { deployments, checksum, id } = await step((call) =>
    native().sysrootMergeSource(sysroot.native, rev, stateroot, call),
  );
  const snapshot = sysroot.update(deployments);
  const from = snapshot.deployments.find((deployment) => deployment.id === id) ?? null;
  const preview = (entries: MergeEntry[]): MergePreview =>
    Object.freeze({
      from,
      checksum,
      entries: Object.freeze(entries),
      conflicts: Object.freeze(entries.filter(({ local, shipped }) => local !== null && shipped !== null)),
    });
  if (!from) return preview([]);
  const diff = await step((call) => native().sysrootConfigDiff(sysroot.native, from.id, call));
  const before = await shippedIn(sysroot, from.checksum, step);
  return preview(merge(diff, before, await shippedIn(sysroot, checksum, step)));
}
