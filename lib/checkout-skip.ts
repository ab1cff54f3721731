// `skip` as a function: what a checkout leaves out is found out before it begins, for a commit does not change.
import type { TreeEntry } from '../typings/addon.js';
import type { Step } from './call.js';
import { OstreeError } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { asked, type SkipPredicate } from './skip-questions.js';
import type { Rev } from './types.js';

/** Where an entry goes, below the destination: what is in a directory that is checked out, or a file itself. */
function placeOf({ path, name }: TreeEntry, root: TreeEntry): string {
  if (root.type !== 'directory') return `/${name}`;
  return root.path === '/' ? path : path.slice(root.path.length);
}

/** The paths below the destination that the predicate wants left out; it is not asked of what is below these. */
export async function skippedPaths(
  repo: RepoInner,
  { rev, subpath }: { rev: Rev; subpath: string },
  predicate: SkipPredicate,
  step: Step,
): Promise<string[]> {
  const skipped: string[] = [];
  const cursor = native().treeWalk(repo.native, rev, subpath);
  let root: TreeEntry | undefined;
  let above = '';
  for (;;) {
    const { items, done } = await step((call) => native().cursorNext(cursor, call)).catch(nothingThere);
    for (const entry of items) {
      const isRoot = root === undefined;
      root ??= entry;
      const path = placeOf(entry, root);
      if ((isRoot && entry.type === 'directory') || (above !== '' && path.startsWith(above))) continue;
      const { type, mode, uid, gid, size } = entry;
      if (!asked(predicate, path, { type, mode, uid, gid, size: type === 'file' ? size : 0 })) continue;
      skipped.push(path);
      above = `${path}/`;
    }
    if (done) return skipped;
  }
}

/** The checkout itself says what that means. */
function nothingThere(error: unknown): { items: TreeEntry[]; done: true } {
  if (OstreeError.is(error, 'NOT_FOUND')) return { items: [], done: true };
  throw error;
}
