// Copying refs to a mounted medium, where others find them.
import { mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { PullState } from '../typings/addon.js';
import { type ProgressOptions, run } from './call.js';
import {
  type Names,
  checkArray,
  checkBoolean,
  checkFunction,
  checkName,
  checkOptions,
  valueError,
} from './check.js';
import { OstreeError } from './errors.js';
import { fileError } from './file-error.js';
import { native } from './native.js';
import { checkCollectionRef, type CollectionRef, type PullProgress } from './pull.js';
import type { RepoInner } from './repo-inner.js';

export interface CreateUsbOptions extends ProgressOptions<PullProgress> {
  /** What to copy. Of a ref with a `checksum`, that commit in place of its head. */
  refs: CollectionRef[];
  /** The repository on the medium, relative to its root: `.ostree/repo` unless given. */
  destination?: string | undefined;
  /** false: nothing is flushed to the medium; unmount it before it is removed. */
  fsync?: boolean | undefined;
}

export interface CreateUsbResult {
  /** The repository on the medium. */
  path: string;
  /** What was copied. */
  refs: CollectionRef[];
}

const DEFAULT = '.ostree/repo';
/** Where every system looks. */
const WELL_KNOWN = [DEFAULT, 'ostree/repo'];
/** Where links to other repositories lie, for systems to look. */
const LINKS = '.ostree/repos.d';
const MAX_LINKS = 100;
const OPTIONS: Names<CreateUsbOptions> = {
  signal: true,
  onProgress: true,
  refs: true,
  destination: true,
  fsync: true,
};

function checkUsbOptions(path: string, options: CreateUsbOptions): void {
  checkName(path, 'path');
  checkOptions(options, OPTIONS);
  const { refs, destination, fsync, onProgress } = options;
  checkArray(refs, 'options.refs');
  if (refs.length === 0) throw valueError('options.refs', 'must not be empty');
  refs.forEach((ref, i) => checkCollectionRef(ref, `options.refs[${i}]`));
  if (fsync !== undefined) checkBoolean(fsync, 'options.fsync');
  if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
  if (destination === undefined) return;
  checkName(destination, 'options.destination');
  if (posix.isAbsolute(destination) || /^\.\.(\/|$)/.test(posix.normalize(destination)))
    throw valueError(
      'options.destination',
      `must be a path below the medium's root. Received '${destination}'`,
    );
}

async function onFiles<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof OstreeError ? error : fileError(error, path);
  }
}

interface Medium {
  /** Its root. */
  root: string;
  /** The repository, relative to it. */
  destination: string;
}

/** Makes the directory of the repository, and sees to it that it is on the medium. */
async function prepare({ root, destination }: Medium, source: string): Promise<void> {
  const path = join(root, destination);
  await onFiles(root, async () => await readdir(root)); // it is there, and a directory
  await onFiles(path, async () => await mkdir(path, { recursive: true, mode: 0o755 }));
  const [medium, target, here] = await onFiles(path, async () => [
    await stat(root),
    await stat(path),
    await stat(source),
  ]);
  if (medium.dev !== target.dev)
    throw new OstreeError('INVALID_ARGUMENT', `${path} is on another file system than ${root}`, { path });
  if (target.dev === here.dev && target.ino === here.ino)
    throw new OstreeError('INVALID_ARGUMENT', `${path} is the repository itself`, { path });
}

/** A link from where systems look, unless there is one. */
async function link({ root, destination }: Medium): Promise<void> {
  if (WELL_KNOWN.includes(destination)) return;
  const links = join(root, LINKS);
  await mkdir(links, { recursive: true, mode: 0o755 });
  const target = await stat(join(root, destination));
  for (const name of await readdir(links)) {
    const there = await stat(join(links, name)).catch(() => undefined);
    if (there && there.dev === target.dev && there.ino === target.ino) return;
  }
  for (let i = 0; i < MAX_LINKS; i++) {
    const name = join(links, `${String(i).padStart(2, '0')}-generated`);
    try {
      await symlink(join('../..', destination), name);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new OstreeError('EXISTS', `All ${MAX_LINKS} names for a link in ${links} are taken`, { path: links });
}

export async function createUsb(
  repo: RepoInner,
  path: string,
  options: CreateUsbOptions,
): Promise<CreateUsbResult> {
  checkUsbOptions(path, options);
  const { refs, destination = DEFAULT, fsync = true, onProgress } = options;
  const medium: Medium = { root: resolve(path), destination };
  const target = join(medium.root, destination);
  return await repo.lifetime.sequence(options, async (signal) => {
    await prepare(medium, repo.path);
    const source = pathToFileURL(repo.path).href;
    const request = { source, collectionRefs: refs, mirror: true };
    await run<void, PullState>({ signal, onProgress }, (call) =>
      native().usbCopy(repo.native, { path: target, fsync }, request, call),
    );
    await onFiles(target, async () => await link(medium));
    return { path: target, refs };
  });
}
