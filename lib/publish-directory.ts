// Publishing into a directory of this machine, as rsync would.
import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { run } from './call.js';
import { OstreeError, type OstreeErrorCode } from './errors.js';
import { fileError } from './file-error.js';
import { native } from './native.js';
import type { Store, Upload } from './publish-store.js';

/** What `ostree init` makes. */
export const DIRECTORIES = [
  'objects',
  'tmp',
  'extensions',
  'state',
  'refs/heads',
  'refs/mirrors',
  'refs/remotes',
];
const LEFT_OVER = /^publish-[0-9a-f]{16}$/;
/** Milliseconds; of a file that nobody wrote to for so long, the writer is gone. */
const ABANDONED = 3_600_000;

/** Whether this is what a publisher who is gone left in `tmp/`. */
export function isAbandoned(name: string, modified: number): boolean {
  return LEFT_OVER.test(name) && Date.now() - modified > ABANDONED;
}

/** Files of an archive in a repository of another mode would be a mess. */
export function checkArchive(name: string, config: Buffer | null): void {
  if (config === null || /^mode=archive(?:-z2)?\s*$/m.test(config.toString())) return;
  throw new OstreeError('NOT_SUPPORTED', `${name} is not an archive repository: publish into it as a Repo`, {
    path: name,
  });
}

/** As the config there says. */
export function wantsFsync(config: Buffer | null): boolean {
  return !/^\s*fsync\s*=\s*(?:false|0)\s*$/m.test(config?.toString() ?? '');
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

const CODES: Partial<Record<string, OstreeErrorCode>> = {
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'READ_ONLY',
  EEXIST: 'NOT_DIRECTORY', // where a directory is to be made
  ENOTDIR: 'NOT_DIRECTORY',
  EISDIR: 'IS_DIRECTORY',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
};

function failure(error: unknown, path: string, size = 0): unknown {
  const { code = '', message, errno } = error as NodeJS.ErrnoException;
  if (errno === undefined) return error;
  const known = CODES[code];
  if (known === undefined) return fileError(error, path);
  const details = known === 'NO_SPACE' ? { required: size, available: 0 } : undefined;
  return new OstreeError(known, message, { path, details, cause: error });
}

/**
 * Servers tell versions of a file apart by its size and the second of its change: so that those who have the old one
 * do not go on with it, a file in place of another is of a later second.
 */
async function makeNewer(file: string, than: string): Promise<void> {
  const old = await stat(than).catch(() => null);
  if (!old) return;
  const second = Math.floor(old.mtimeMs / 1000) + 1;
  if (second * 1000 > Date.now()) await utimes(file, second, second);
}

export class DirectoryStore implements Store {
  readonly local = true;
  readonly name: string;
  readonly #made = new Set<string>();
  #fsync: boolean | undefined;
  /** How often something was written, and how much of it is flushed; at first, what another run may have left. */
  #writes = 1;
  #flushed = 0;

  /** `fsync`: as the config there says unless given. */
  constructor(path: string, fsync?: boolean) {
    this.name = path;
    this.#fsync = fsync;
  }

  async prepare(): Promise<void> {
    const config = await this.read('config');
    checkArchive(this.name, config);
    this.#fsync ??= wantsFsync(config);
    try {
      for (const directory of DIRECTORIES) await mkdir(join(this.name, directory), { recursive: true });
      for (const name of await readdir(join(this.name, 'tmp'))) {
        const file = join(this.name, 'tmp', name);
        const status = await stat(file).catch(() => null);
        if (status && isAbandoned(name, status.mtimeMs)) await rm(file, { force: true });
      }
    } catch (error) {
      throw failure(error, this.name);
    }
  }

  async size(path: string): Promise<number | null> {
    try {
      const status = await stat(join(this.name, path));
      return status.isFile() ? status.size : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw failure(error, path);
    }
  }

  async read(path: string): Promise<Buffer | null> {
    try {
      return await readFile(join(this.name, path));
    } catch (error) {
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EISDIR') return null;
      throw failure(error, path);
    }
  }

  async put(upload: Upload, signal: AbortSignal): Promise<void> {
    await this.putTogether([upload], signal);
  }

  async putTogether(uploads: Upload[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const staged: { temporary: string; upload: Upload }[] = [];
    try {
      for (const upload of uploads) {
        const temporary = join(this.name, 'tmp', `publish-${randomBytes(8).toString('hex')}`);
        staged.push({ temporary, upload });
        await this.#stage(upload, temporary, signal);
      }
      for (const { temporary, upload } of staged) await rename(temporary, join(this.name, upload.path));
      this.#writes++;
    } catch (error) {
      for (const { temporary } of staged) await rm(temporary, { force: true });
      signal.throwIfAborted(); // node:fs has an error of its own for that
      const { path, size } = staged.at(-1)?.upload ?? { path: this.name, size: 0 };
      throw failure(error, path, size);
    }
  }

  async #stage({ path, source }: Upload, temporary: string, signal: AbortSignal): Promise<void> {
    if (typeof source === 'string') await copyFile(source, temporary, constants.COPYFILE_FICLONE);
    else await writeFile(temporary, source, { signal, flush: this.#fsync ?? true });
    await chmod(temporary, 0o644);
    const target = join(this.name, path);
    await this.#makeDirectory(dirname(target));
    await makeNewer(temporary, target);
  }

  async flush(signal: AbortSignal): Promise<void> {
    const writes = this.#writes;
    if (writes === this.#flushed || !this.#fsync) return;
    await run({ signal }, (call) => native().syncFileSystem(this.name, call));
    this.#flushed = Math.max(this.#flushed, writes);
  }

  async #makeDirectory(path: string): Promise<void> {
    if (this.#made.has(path)) return;
    await mkdir(path, { recursive: true });
    this.#made.add(path);
  }

  async remove(path: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      await rm(join(this.name, path), { force: true });
    } catch (error) {
      throw failure(error, path);
    }
  }

  async list(directory: string): Promise<string[]> {
    let entries: Dirent[];
    try {
      entries = await readdir(join(this.name, directory), { withFileTypes: true });
    } catch (error) {
      if (isMissing(error)) return [];
      throw failure(error, directory);
    }
    const paths: string[] = [];
    for (const entry of entries) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) paths.push(...(await this.list(path)));
      else paths.push(path);
    }
    return paths;
  }

  async close(): Promise<void> {}
}
