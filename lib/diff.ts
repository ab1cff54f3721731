// What is different between commits, or directories of this machine.
import { resolve } from 'node:path';

import type { DiffAspect, DiffEntry, DiffSideSpec, DiffStats } from '../typings/addon.js';
import { type CallOptions, stepsUnder } from './call.js';
import {
  type Names,
  checkBoolean,
  checkInteger,
  checkKnown,
  checkName,
  checkObject,
  checkOptions,
  checkRev,
  typeError,
  valueError,
} from './check.js';
import { collect } from './iterate.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

export type { DiffAspect, DiffEntry, DiffStats };

/** A commit, or a directory of this machine. */
export type DiffSource = Rev | { dir: string };

export interface DiffOptions extends CallOptions {
  /**
   * false: a directory has no extended attributes. As with `ostree diff --no-xattrs`, those that a commit has are
   * compared all the same.
   */
  xattrs?: boolean | undefined;
  /** Whom everything in the directory `to` is said to belong to, instead of who owns it. */
  owner?: { uid?: number | undefined; gid?: number | undefined } | undefined;
  /** Count the objects that two commits share, too. */
  stats?: boolean | undefined;
}

/** A path that both sides have. Its own properties are those of `to`. */
export interface DiffModification extends DiffEntry {
  /** What of it changed; of a path that became something else, only `type`. */
  changes: DiffAspect[];
  from: DiffEntry;
  to: DiffEntry;
}

/** Each list is sorted by the bytes of the paths. What changed at the roots themselves is not told. */
export interface Diff {
  /** Of a directory that was added, all that is in it, too. */
  added: DiffEntry[];
  /** Of a directory that was removed, or became something else, only itself. */
  removed: DiffEntry[];
  modified: DiffModification[];
  /** With the option `stats`. */
  stats?: DiffStats;
}

function side(value: unknown, name: string): DiffSideSpec {
  if (typeof value === 'string') {
    checkRev(value, name);
    return { rev: value };
  }
  if (typeof value !== 'object' || value === null || !('dir' in value))
    throw typeError(name, "a revision, or an object with 'dir'", value);
  checkKnown(value, { dir: true }, name);
  checkName(value.dir, `${name}.dir`);
  return { dir: resolve(value.dir) };
}

function owner(value: unknown, to: DiffSideSpec): { uid?: number; gid?: number } {
  const result: { uid?: number; gid?: number } = {};
  if (value === undefined) return result;
  checkObject(value, 'options.owner');
  checkKnown(value, { uid: true, gid: true }, 'options.owner');
  for (const id of ['uid', 'gid'] as const) {
    const number = value[id];
    if (number === undefined) continue;
    checkInteger(number, `options.owner.${id}`, 0, 2 ** 32 - 2);
    result[id] = number;
  }
  if ('rev' in to) throw valueError('options.owner', "is for a directory as 'to'");
  return result;
}

const OPTIONS: Names<DiffOptions> = { signal: true, xattrs: true, owner: true, stats: true };

export async function diff(
  repo: RepoInner,
  from: DiffSource,
  to: DiffSource,
  options: DiffOptions,
): Promise<Diff> {
  const sides = { from: side(from, 'from'), to: side(to, 'to') };
  checkOptions(options, OPTIONS);
  const { xattrs = true, stats = false } = options;
  checkBoolean(xattrs, 'options.xattrs');
  checkBoolean(stats, 'options.stats');
  if (stats && !('rev' in sides.from && 'rev' in sides.to))
    throw valueError('options.stats', 'is for two commits');
  const spec = { ...sides, ...owner(options.owner, sides.to), xattrs, stats };
  const found = await repo.lifetime.sequence(options, async (signal) => {
    const step = stepsUnder(signal);
    const { items, stats: counted } = await step((call) => native().diffFind(repo.native, spec, call));
    return { items: await collect(items, step), stats: counted };
  });

  const result: Diff = { added: [], removed: [], modified: [] };
  if (found.stats) result.stats = found.stats;
  for (const item of found.items) {
    if (!item.from && item.to) result.added.push(item.to);
    else if (item.from && !item.to) result.removed.push(item.from);
    else if (item.from && item.to)
      result.modified.push({ ...item.to, changes: item.changes, from: item.from, to: item.to });
  }
  return result;
}
