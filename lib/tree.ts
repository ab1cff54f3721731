// The tree of a commit, read without a checkout: entries, links, extended attributes, whole files.
import { constants } from 'node:buffer';

import type { FileContent, FileHandle, TreeEntry } from '../typings/addon.js';
import { type CallOptions, type Step, stepsUnder } from './call.js';
import {
  type Names,
  checkBoolean,
  checkInteger,
  checkName,
  checkOptions,
  checkRev,
  checkSignal,
  typeError,
  valueError,
} from './check.js';
import { OstreeError } from './errors.js';
import { collect, iterate } from './iterate.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

/**
 * A file, directory or symlink of a commit.
 *
 * `path` begins with `/` and leads there without symlinks; `name` is the last part of it, empty for the root.
 * `mode` is a whole st_mode, with the type, as in node:fs. `size` is in bytes: of a file its content, of a symlink
 * its target; 0 for a directory. `target` is that of a symlink; a byte of it that is not UTF-8 reads `\\xff`.
 * `checksum` is the content object, or the dirtree object of a directory; that is its `contentsChecksum` too, and
 * `metadataChecksum` its dirmeta object.
 */
export type Entry = TreeEntry;

export interface XattrsOptions extends CallOptions {
  /** false: of a symlink itself, where the path ends with one. */
  followSymlinks?: boolean | undefined;
}

export interface ReadFileOptions extends CallOptions {
  /** Bytes: a larger file is TOO_LARGE, and nothing of it is read. */
  maxSize?: number | undefined;
  /** Makes a string of the file. */
  encoding?: BufferEncoding | null | undefined;
}

/** With an encoding, the result is a string. */
export interface ReadStringOptions extends ReadFileOptions {
  encoding: BufferEncoding;
}

const MAX_PATH = 65_536;
/** Bytes of a large file that one native call reads. */
const CHUNK = 1 << 20;

export function checkPath(value: unknown, name = 'path'): asserts value is string {
  checkName(value, name);
  if (Buffer.byteLength(value) > MAX_PATH)
    throw valueError(name, `must not be longer than ${MAX_PATH} bytes`);
}

function checkPlace(rev: unknown, path: unknown, options: CallOptions, known?: object): void {
  checkRev(rev);
  checkPath(path);
  checkOptions(options, known);
  checkSignal(options.signal);
}

export async function stat(
  repo: RepoInner,
  rev: Rev,
  path: string,
  follow: boolean,
  options: CallOptions,
): Promise<Entry> {
  checkPlace(rev, path, options);
  return await repo.lifetime.run(options, (call) => native().treeStat(repo.native, rev, path, follow, call));
}

export async function readlink(
  repo: RepoInner,
  rev: Rev,
  path: string,
  options: CallOptions,
): Promise<string> {
  checkPlace(rev, path, options);
  return await repo.lifetime.run(options, (call) => native().treeReadlink(repo.native, rev, path, call));
}

const XATTRS: Names<XattrsOptions> = { signal: true, followSymlinks: true };

export async function xattrs(
  repo: RepoInner,
  rev: Rev,
  path: string,
  options: XattrsOptions,
): Promise<Record<string, Buffer>> {
  checkPlace(rev, path, options, XATTRS);
  const { followSymlinks = true } = options;
  checkBoolean(followSymlinks, 'options.followSymlinks');
  const list = await repo.lifetime.run(options, (call) =>
    native().treeXattrs(repo.native, rev, path, followSymlinks, call),
  );
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

export async function readdir(
  repo: RepoInner,
  rev: Rev,
  path: string,
  options: CallOptions,
): Promise<Entry[]> {
  checkPlace(rev, path, options);
  return await repo.lifetime.sequence(options, (signal) =>
    collect(native().treeList(repo.native, rev, path), stepsUnder(signal)),
  );
}

export function walk(
  repo: RepoInner,
  rev: Rev,
  path: string,
  options: CallOptions,
): AsyncIterableIterator<Entry> {
  checkPlace(rev, path, options);
  return iterate(repo, () => native().treeWalk(repo.native, rev, path), options);
}

const READ: Names<ReadFileOptions> = { signal: true, maxSize: true, encoding: true };

function checkReadFileOptions(value: unknown): ReadFileOptions {
  const options = typeof value === 'string' ? { encoding: value as BufferEncoding } : value;
  checkOptions(options, READ);
  const { maxSize, encoding } = options as ReadFileOptions;
  if (maxSize !== undefined && maxSize !== Infinity) checkInteger(maxSize, 'options.maxSize');
  if (encoding != null && typeof encoding !== 'string')
    throw typeError('options.encoding', 'a string', encoding);
  if (encoding != null && !Buffer.isEncoding(encoding))
    throw valueError('options.encoding', `must be an encoding. Received '${String(encoding)}'`);
  return options;
}

export async function readFile(
  repo: RepoInner,
  rev: Rev,
  path: string,
  encodingOrOptions: BufferEncoding | ReadFileOptions,
): Promise<Buffer | string> {
  const options = checkReadFileOptions(encodingOrOptions);
  checkPlace(rev, path, options, READ);
  const maxSize = Math.min(options.maxSize ?? Infinity, constants.MAX_LENGTH);
  const { lifetime, native: handle } = repo;
  const data = await lifetime.run(options, async (call) => {
    const content = await native().fileRead(handle, rev, path, maxSize, call);
    // Most files come with the first call, and need nothing that several would.
    return (
      content.data ?? (await lifetime.continued(options, (signal) => contentOf(content, stepsUnder(signal))))
    );
  });
  return options.encoding ? data.toString(options.encoding) : data;
}

/** The whole of a file that the addon has opened, if it has not read it already. */
export async function contentOf({ data, file, size }: FileContent, step: Step): Promise<Buffer> {
  if (data) return data;
  if (!file) throw new OstreeError('FAILED', 'The addon returned no data');
  return await readWhole(file, size, step);
}

async function readWhole(file: FileHandle, size: number, step: Step): Promise<Buffer> {
  const data = Buffer.allocUnsafeSlow(size);
  try {
    for (let at = 0; at < size; at += CHUNK) {
      const chunk = data.subarray(at, at + CHUNK);
      await step((call) => native().fileFill(file, chunk, call));
    }
    return data;
  } finally {
    native().fileClose(file);
  }
}
