// The sources of a commit that JavaScript makes: tree: { files }.
import type { CommitSpec } from '../typings/addon.js';
import type { CommitOptions } from './commit.js';
import { fillFileSet } from './file-set.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';

/** Hands the files that JavaScript makes over to the addon, and then calls `body`. */
export async function withFiles<T>(
  repo: RepoInner,
  { tree }: Pick<CommitOptions, 'tree'>,
  spec: CommitSpec,
  signal: AbortSignal,
  body: (filled: CommitSpec) => Promise<T>,
): Promise<T> {
  const given: readonly unknown[] = Array.isArray(tree) ? tree : [tree];
  const filled = [...spec.tree];
  try {
    for (const [i, value] of given.entries()) {
      if (!hasFiles(value)) continue;
      const name = Array.isArray(tree) ? `options.tree[${i}].files` : 'options.tree.files';
      const files = await fillFileSet(repo, value.files, name, signal);
      filled[i] = { ...filled[i], files };
    }
    return await body({ ...spec, tree: filled });
  } finally {
    for (const { files } of filled) if (files) native().fileSetClose(files);
  }
}

/** Whether JavaScript makes a part of it. */
export function takesFiles({ tree }: Pick<CommitOptions, 'tree'>): boolean {
  return Array.isArray(tree) ? tree.some((value) => hasFiles(value)) : hasFiles(tree);
}

function hasFiles(value: unknown): value is { files: Iterable<unknown> | AsyncIterable<unknown> } {
  return typeof value === 'object' && value !== null && 'files' in value;
}
