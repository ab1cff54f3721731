// What a publisher has uploaded, before anybody has looked at it: a repository of its own, whose parent is the one that
// is published to.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

import { type ObjectName, OstreeError } from './errors.js';
import { objectAt, objectPath } from './publish-store.js';
import { Repo } from './repo.js';
import { servedPath } from './served-paths.js';

/** libostree's own limit. */
const MAX_METADATA = 10 << 20;
const MAX_DELTA_FILE = 2 ** 31 - 1;

export interface StagingLimits {
  /** Bytes of one file, compressed and not. */
  maxObjectSize: number;
  /** Bytes of all that is staged together. */
  maxSize: number;
}

async function sizeOf(file: string): Promise<number | null> {
  const status = await stat(file).catch(() => null);
  return status?.size ?? null;
}

/** The SHA-256 of a file, in hex; null where there is none. */
export async function digestOf(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return hash.digest('hex');
}

/** Leaves the stream open on failure: the connection has yet to be answered. */
async function write(file: string, content: Readable): Promise<number> {
  const handle = await open(file, 'wx', 0o644);
  try {
    let received = 0;
    for await (const chunk of content.iterator({ destroyOnReturn: false })) {
      await handle.writeFile(chunk as Buffer);
      received += (chunk as Buffer).length;
    }
    return received;
  } finally {
    await handle.close();
  }
}

/** Files at or below a directory, relative to `root`. */
async function filesBelow(root: string, directory: string): Promise<string[]> {
  const entries = await readdir(join(root, directory), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

/** What may be uploaded; null: nothing of the kind. */
export function uploadKind(path: string): 'object' | 'commitmeta' | 'delta' | null {
  const kind = servedPath(path)?.kind;
  if (kind === 'delta') return 'delta';
  const name = objectAt(path);
  if (name === null) return null;
  if (name.type === 'commitmeta') return 'commitmeta';
  return kind === 'object' && name.type !== 'tombstone-commit' ? 'object' : null;
}

function busy(): OstreeError {
  return new OstreeError('LOCKED', 'What was uploaded is being uploaded or taken in just now', {
    details: { holder: 'this-process' },
  });
}

const STAGING = /^publish-[0-9a-f]{32}(?:-[0-9a-f]{16})?$/;

/** Deletes the oldest of what publishers who are gone have left, so that with one more there are at most `max`. */
export async function evict(repo: string, max: number, active: (key: string) => boolean): Promise<void> {
  const left: { path: string; modified: number }[] = [];
  let total = 0;
  for (const name of await readdir(join(repo, 'tmp'))) {
    if (!STAGING.test(name)) continue;
    total++;
    const path = join(repo, 'tmp', name);
    const status = active(name.slice('publish-'.length, 'publish-'.length + 32))
      ? null
      : await stat(path).catch(() => null);
    if (status) left.push({ path, modified: status.mtimeMs });
  }
  left.sort((a, b) => a.modified - b.modified);
  for (const { path } of left.slice(0, Math.max(0, total - max + 1)))
    await rm(path, { recursive: true, force: true });
}

export class Staging {
  /** Where it is while it takes uploads. */
  readonly #home: string;
  #path: string;
  #making: Promise<void> | undefined;
  readonly #parent: string;
  readonly #limits: StagingLimits;
  /** Bytes that are here, or on their way. */
  #size = 0;
  #uploads = 0;

  private constructor(path: string, parent: string, limits: StagingLimits) {
    this.#home = path;
    this.#path = path;
    this.#parent = parent;
    this.#limits = limits;
  }

  /** What an earlier try has uploaded is there still. libostree deletes it from `tmp/` when nobody came back for a day. */
  static async open(repo: string, id: string, limits: StagingLimits): Promise<Staging> {
    const staging = new Staging(join(repo, 'tmp', `publish-${id}`), repo, limits);
    await staging.#ready();
    for (const file of await staging.files()) staging.#size += (await sizeOf(join(staging.#path, file))) ?? 0;
    return staging;
  }

  /** Made once; again after its content was taken in. */
  async #ready(): Promise<void> {
    this.#making ??= this.#make(this.#home);
    try {
      await this.#making;
    } catch (error) {
      this.#making = undefined;
      throw error;
    }
  }

  async #make(path: string): Promise<void> {
    const repo = await Repo.create(path, { mode: 'archive' });
    try {
      await repo.config.set('core.parent', this.#parent);
    } finally {
      await repo.close();
    }
    await rm(join(path, 'uploads'), { recursive: true, force: true });
    await mkdir(join(path, 'uploads'));
    await utimes(path, new Date(), new Date());
  }

  get path(): string {
    return this.#path;
  }

  /**
   * Takes it to where nobody, in whatever process, can put anything more in: what is verified now must be what moves.
   *
   * @throws {OstreeError} `LOCKED` while something is being uploaded
   */
  async seal(): Promise<void> {
    if (this.#uploads > 0 || this.#path !== this.#home) throw busy();
    this.#path = `${this.#home}-${randomBytes(8).toString('hex')}`;
    try {
      await this.#ready();
      await rename(this.#home, this.#path);
    } catch (error) {
      this.#path = this.#home;
      this.#making = undefined;
      throw error;
    }
  }

  /** Takes it back, for another try. */
  async unseal(): Promise<void> {
    const sealed = this.#path;
    this.#path = this.#home;
    if (this.#making === undefined) return; // its content was taken in
    // Another process may have begun anew there.
    await rename(sealed, this.#home).catch(() => rm(sealed, { recursive: true, force: true }));
  }

  /** A repository that has what was uploaded, and what its parent has. */
  async repo(): Promise<Repo> {
    return await Repo.open(this.path);
  }

  async files(): Promise<string[]> {
    return [...(await filesBelow(this.path, 'objects')), ...(await filesBelow(this.path, 'deltas'))];
  }

  /** The objects, and the commits with detached metadata. */
  async objects(): Promise<ObjectName[]> {
    const names: ObjectName[] = [];
    for (const path of await filesBelow(this.path, 'objects')) {
      const name = objectAt(path);
      if (name) names.push(name);
    }
    return names;
  }

  async has(path: string): Promise<boolean> {
    return (await sizeOf(join(this.path, path))) !== null;
  }

  async digest(path: string): Promise<string | null> {
    return await digestOf(join(this.path, path));
  }

  async forget(path: string): Promise<void> {
    this.#size -= (await sizeOf(join(this.path, path))) ?? 0;
    await rm(join(this.path, path), { force: true });
  }

  /** Takes a file of exactly this size. */
  async put(path: string, size: number, content: Readable): Promise<void> {
    if (this.#path !== this.#home) throw busy();
    this.#uploads++;
    try {
      await this.#ready();
      await this.#put(path, size, content);
    } finally {
      this.#uploads--;
    }
  }

  async #put(path: string, size: number, content: Readable): Promise<void> {
    this.#checkSize(path, size);
    const temporary = join(this.path, 'uploads', randomBytes(8).toString('hex'));
    const target = join(this.path, path);
    this.#size += size;
    try {
      const received = await write(temporary, content);
      if (received !== size)
        throw new OstreeError('INVALID_ARGUMENT', `${path} has ${received} bytes, not the ${size} announced`);
      await mkdir(dirname(target), { recursive: true });
      const replaced = (await sizeOf(target)) ?? 0;
      await rename(temporary, target);
      this.#size -= replaced;
    } catch (error) {
      this.#size -= size;
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #checkSize(path: string, size: number): void {
    const kind = uploadKind(path);
    const max =
      kind === 'delta'
        ? MAX_DELTA_FILE
        : path.endsWith('.filez')
          ? this.#limits.maxObjectSize
          : Math.min(MAX_METADATA, this.#limits.maxObjectSize);
    if (size > max)
      throw new OstreeError('TOO_LARGE', `${path} has ${size} bytes, more than the ${max} allowed`);
    if (this.#size + size > this.#limits.maxSize)
      throw new OstreeError(
        'TOO_LARGE',
        `With ${path} there would be more than the ${this.#limits.maxSize} bytes that may be published at once`,
      );
  }

  async discard(): Promise<void> {
    this.#making = undefined;
    this.#size = 0;
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Whether a repository itself, or what was staged for it, has an object. */
export async function hasObject(repo: Repo, staging: Staging, name: ObjectName): Promise<boolean> {
  return (await staging.has(objectPath(name))) || (await repo.hasObject(name));
}
