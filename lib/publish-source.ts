// What of a repository is to be published: refs, the commits behind them, objects, deltas.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Commit } from './commit-read.js';
import { type ObjectName, OstreeError } from './errors.js';
import { fileError } from './file-error.js';
import { native } from './native.js';
import { deltaIndexPath, deltaPath, objectPath, type Upload } from './publish-store.js';
import type { Repo } from './repo.js';
import { innerOf } from './repo-inner.js';
import { servedPath } from './served-paths.js';
import type { Checksum } from './types.js';

export interface SourceRef {
  ref: string;
  /** Of a mirrored ref. */
  collectionId?: string;
  checksum: Checksum;
}

export interface SourceDelta {
  name: string;
  to: Checksum;
  /** The parts, then the superblock. */
  files: string[];
}

const ALL_SIZES = Number.MAX_SAFE_INTEGER;

/** null: there is no such file or directory. */
async function unlessMissing<T>(path: string, body: () => Promise<T>): Promise<T | null> {
  try {
    return await body();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(error, path);
  }
}

/** The repository that is published. */
export class PublishSource {
  readonly repo: Repo;
  readonly #roots: string[];

  constructor(repo: Repo) {
    this.repo = repo;
    this.#roots = repo.parent === null ? [repo.path] : [repo.path, repo.parent];
  }

  /** All local refs, or those asked for. */
  async refs(wanted: string[] | undefined, signal: AbortSignal): Promise<SourceRef[]> {
    const local = await this.repo.listRefs({ remotes: false, mirrors: false, signal });
    const mirrored = await this.repo.listRefs({ collections: true, signal });
    const refs: SourceRef[] = [...local, ...mirrored]
      .filter(({ remote, collectionId }) => remote === undefined && collectionId !== this.repo.collectionId)
      .map(({ ref, collectionId, checksum }) => ({ ref, ...(collectionId && { collectionId }), checksum }));
    for (const { ref, checksum } of refs) {
      if (/^[0-9a-f]{64}$/.test(checksum)) continue;
      throw new OstreeError('CORRUPT', `The ref ${ref} of ${this.repo.path} names no commit`, {
        ref,
        details: { objects: [] },
      });
    }
    if (wanted === undefined) return refs;
    const chosen = new Set(wanted);
    for (const ref of chosen) {
      if (local.some((known) => known.ref === ref)) continue;
      throw new OstreeError('NOT_FOUND', `No ref ${ref} in the repository ${this.repo.path}`, { ref });
    }
    return refs.filter(({ ref, collectionId }) => collectionId === undefined && chosen.has(ref));
  }

  /** A ref's commit and its ancestors, as far as they are here as a whole. */
  async history({ ref, checksum }: SourceRef, signal: AbortSignal): Promise<Commit[]> {
    const commits: Commit[] = [];
    for await (const commit of this.repo.log(checksum, { signal })) {
      if (commit.state !== 'normal') break;
      commits.push(commit);
    }
    if (commits.length > 0) return commits;
    const message = `The commit ${checksum} of ${ref} is partial: pull it as a whole before it is published`;
    throw new OstreeError('PARTIAL', message, { ref, checksum });
  }

  /** What lies in the repository, or its parent, at such a path. */
  async file(path: string): Promise<Upload | null> {
    for (const root of this.#roots) {
      const source = join(root, path);
      const status = await unlessMissing(source, () => stat(source));
      if (status) return { path, size: status.size, source };
    }
    return null;
  }

  async object(name: ObjectName): Promise<Upload> {
    const file = await this.file(objectPath(name));
    if (file) return file;
    throw new OstreeError('NOT_FOUND', `No such file object in an archive: ${name.checksum}.${name.type}`, {
      checksum: name.checksum,
      path: this.repo.path,
    });
  }

  /** Nothing damaged leaves the house. */
  async verify(names: ObjectName[], signal: AbortSignal): Promise<void> {
    const { native: handle, lifetime } = innerOf(this.repo);
    if (names.length === 0) return;
    await lifetime.run({ signal }, (call) => native().objectVerify(handle, names, ALL_SIZES, call));
  }

  /** The deltas to these commits. */
  async deltas(commits: Set<Checksum>, signal: AbortSignal): Promise<SourceDelta[]> {
    const deltas: SourceDelta[] = [];
    for (const delta of await this.repo.deltas.list({ signal })) {
      if (!commits.has(delta.to)) continue;
      const directory = deltaPath(delta);
      const place = join(this.repo.path, directory);
      const names = await unlessMissing(place, () => readdir(place));
      const files = (names ?? []) // it is being deleted
        .map((name) => `${directory}/${name}`)
        .filter((path) => servedPath(path)?.kind === 'delta');
      const isSuperblock = (path: string) => Number(path.endsWith('/superblock'));
      files.sort((a, b) => isSuperblock(a) - isSuperblock(b));
      deltas.push({ name: delta.name, to: delta.to, files });
    }
    return deltas;
  }

  /** The indexes of the deltas to these commits. */
  async deltaIndexes(commits: Set<Checksum>, signal: AbortSignal): Promise<Upload[]> {
    const indexes: Upload[] = [];
    for (const to of await this.repo.deltas.indexes({ signal })) {
      const file = commits.has(to) ? await this.file(deltaIndexPath(to)) : null;
      if (file) indexes.push(file);
    }
    return indexes;
  }
}
