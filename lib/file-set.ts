// Files that JavaScript makes, on their way into the addon.
import type { FileSetHandle, SetEntrySpec } from '../typings/addon.js';
import { onAbort, untilAborted } from './abort.js';
import { stepsUnder } from './call.js';
import {
  type Names,
  checkInteger,
  checkKnown,
  checkObject,
  checkString,
  typeError,
  valueError,
} from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';

/** What one native call takes: so many entries, or bytes of content. */
const BATCH = 256;
const CHUNK = 1 << 20;

const MAX_ID = 2 ** 32 - 2; // the last is "no change" to chown()
const MAX_NAME = 255;
const MAX_PATH = 65_536;
const MAX_TARGET = 4095;
const MAX_XATTR = 65_536;

const TYPE_BITS = { file: 0o100000, symlink: 0o120000, directory: 0o040000 } as const;
type FileType = keyof typeof TYPE_BITS;
const USUAL_MODE = { file: 0o644, symlink: 0o777, directory: 0o755 } as const;

/** The content of a file: its bytes, or something that has them one after the other. */
export type FileContent = Uint8Array | string | AsyncIterable<Uint8Array | string>;

/** What is written beside the content. */
export interface FileMetadata {
  /** Permissions; unless given 0644, of a directory 0755. The type of an st_mode may be in it. */
  mode?: number | undefined;
  /** root unless given. */
  uid?: number | undefined;
  gid?: number | undefined;
  /** Extended attributes, by name. Those without a value are left out, as libostree does. */
  xattrs?: Record<string, Uint8Array> | undefined;
}

export function checkTarget(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  if (value === '') throw valueError(name, 'must not be empty');
  if (Buffer.byteLength(value) > MAX_TARGET)
    throw valueError(name, `must not be longer than ${MAX_TARGET} bytes`);
}

export function checkEntryPath(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  if (Buffer.byteLength(value) > MAX_PATH)
    throw valueError(name, `must not be longer than ${MAX_PATH} bytes`);
  for (const part of value.split('/')) {
    if (part === '.' || part === '..')
      throw valueError(name, `must not contain '.' or '..'. Received '${value}'`);
    if (Buffer.byteLength(part) > MAX_NAME)
      throw valueError(name, `must not have a name longer than ${MAX_NAME} bytes in it`);
  }
}

function modeOf(mode: unknown, type: FileType, name: string): number {
  if (mode === undefined) return USUAL_MODE[type];
  checkInteger(mode, name, 0, 0o177777);
  const bits = mode & 0o170000;
  if (bits !== 0 && bits !== TYPE_BITS[type]) throw valueError(name, `must be that of a ${type}`);
  return mode & 0o7777;
}

function xattrsOf(value: unknown, name: string): Record<string, Uint8Array> {
  if (value === undefined) return {};
  checkObject(value, name);
  for (const [key, data] of Object.entries(value)) {
    const what = `${name}['${key}']`;
    checkString(key, `${name} key`);
    if (key === '' || Buffer.byteLength(key) > MAX_NAME)
      throw valueError(what, `must have a name of 1 to ${MAX_NAME} bytes`);
    if (key === 'user.ostreemeta') throw valueError(what, "is the repository's own");
    if (!(data instanceof Uint8Array)) throw typeError(what, 'a Uint8Array', data);
    if (data.length > MAX_XATTR) throw valueError(what, `must not be longer than ${MAX_XATTR} bytes`);
  }
  return { ...value } as Record<string, Uint8Array>;
}

/** The metadata of one file, as the addon wants it. */
export function entrySpec(value: unknown, type: FileType, path: string, name: string): SetEntrySpec {
  checkObject(value, name);
  const { mode, uid = 0, gid = 0, xattrs } = value;
  checkInteger(uid, `${name}.uid`, 0, MAX_ID);
  checkInteger(gid, `${name}.gid`, 0, MAX_ID);
  return {
    path,
    type,
    mode: modeOf(mode, type, `${name}.mode`),
    uid,
    gid,
    xattrs: xattrsOf(xattrs, `${name}.xattrs`),
  };
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

export function checkContent(value: unknown, name: string): asserts value is FileContent {
  if (typeof value !== 'string' && !(value instanceof Uint8Array) && !isAsyncIterable(value))
    throw typeError(name, 'a string, a Uint8Array or a Readable', value);
  if (isStream(value) && 'readableEnded' in value && value.readableEnded)
    throw valueError(name, 'must not be a stream that was read to its end before');
}

export function checkEntries(
  value: unknown,
  name: string,
): asserts value is Iterable<unknown> | AsyncIterable<unknown> {
  if (!isAsyncIterable(value) && !isIterable(value))
    throw typeError(name, 'an iterable or async iterable', value);
}

function bytesOf(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  throw typeError(name, 'a string or a Uint8Array', value);
}

interface Stream {
  destroy(): unknown;
  on(event: 'error', listener: () => void): unknown;
}

function isStream(value: unknown): value is Stream {
  return (
    typeof value === 'object' &&
    value !== null &&
    'destroy' in value &&
    typeof value.destroy === 'function' &&
    'on' in value &&
    typeof value.on === 'function'
  );
}

/** Takes a stream over that is read later: its error is told then, and must not end the process now. */
export function claim(content: unknown): void {
  if (isStream(content)) content.on('error', () => {});
}

/** Gives a stream up that was not read, or not to its end. */
export function release(content: unknown): void {
  if (isStream(content)) content.destroy();
}

/** Tells an iterator that nothing more is wanted of it. Of one that is given up, nobody waits for the answer. */
async function endIterator(iterator: AsyncIterator<unknown>, signal: AbortSignal): Promise<void> {
  const ended = (async () => {
    await iterator.return?.();
  })().catch(() => {}); // why it ends is known already
  if (!signal.aborted) await untilAborted(signal, ended).catch(() => {});
}

function iteratorOf(source: AsyncIterable<unknown>): AsyncIterator<unknown> {
  if (!(source instanceof ReadableStream)) return source[Symbol.asyncIterator]();
  // Its own iterator cancels only after what it waits for.
  const reader = (source as ReadableStream<unknown>).getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** Takes what an async iterable yields, one after the other, until the signal is aborted. */
async function pull(
  source: AsyncIterable<unknown>,
  signal: AbortSignal,
  take: (value: unknown) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const iterator = iteratorOf(source);
  // A stream that waits for data does not hear of return() before there is some.
  const forget = onAbort(signal, () => release(source));
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await untilAborted(signal, iterator.next());
      if (next.done) return;
      await take(next.value);
    }
  } catch (error) {
    await endIterator(iterator, signal);
    throw error;
  } finally {
    forget();
  }
}

/** Takes what an iterable has, of either kind. */
export async function takeEach(
  source: Iterable<unknown> | AsyncIterable<unknown>,
  signal: AbortSignal,
  take: (value: unknown) => Promise<void>,
): Promise<void> {
  if (isAsyncIterable(source)) return await pull(source, signal, take);
  for (const value of source) await take(value);
}

/** Fills a set of files, in batches. */
export class FileSetWriter {
  readonly #handle: FileSetHandle;
  readonly #signal: AbortSignal;
  readonly #step;
  #batch: SetEntrySpec[] = [];
  #bytes = 0;

  constructor(handle: FileSetHandle, signal: AbortSignal) {
    this.#handle = handle;
    this.#signal = signal;
    this.#step = stepsUnder(signal);
  }

  async add(entry: SetEntrySpec, content: FileContent = '', name = 'content'): Promise<void> {
    if (isAsyncIterable(content)) {
      await this.flush();
      await pull(content, this.#signal, (chunk) => this.#append(bytesOf(chunk, `a chunk of ${name}`)));
      this.#batch.push(entry);
      await this.flush();
      return;
    }
    const bytes = bytesOf(content, name);
    if (bytes.length > CHUNK) {
      await this.flush();
      await this.#append(bytes);
      this.#batch.push(entry);
    } else {
      // A copy: the caller may use the memory for something else as soon as it is asked for the next one.
      this.#batch.push({ ...entry, content: Buffer.from(bytes) });
      this.#bytes += bytes.length;
    }
    if (this.#batch.length >= BATCH || this.#bytes >= CHUNK || bytes.length > CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#batch.length === 0) return;
    const entries = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    await this.#step((call) => native().fileSetAdd(this.#handle, entries, call));
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const chunk = bytes.subarray(at, at + CHUNK);
      await this.#step((call) => native().fileSetAppend(this.#handle, chunk, call));
    }
  }
}

/** Of an entry of any type: what is not for its own may be there, but undefined. */
const ENTRY: Names<FileMetadata & { path: string; type: FileType; content: FileContent; target: string }> = {
  path: true,
  type: true,
  mode: true,
  uid: true,
  gid: true,
  xattrs: true,
  content: true,
  target: true,
};

async function addEntry(writer: FileSetWriter, value: unknown, name: string): Promise<void> {
  checkObject(value, name);
  const { content } = value;
  claim(content);
  try {
    await addChecked(writer, value, name);
  } catch (error) {
    release(content);
    throw error;
  }
}

async function addChecked(
  writer: FileSetWriter,
  value: Partial<Record<string, unknown>>,
  name: string,
): Promise<void> {
  const { path, type = 'file', content, target } = value;
  checkEntryPath(path, `${name}.path`);
  const what = `the entry '${path}'`;
  checkKnown(value, ENTRY, what);
  if (type !== 'file' && type !== 'symlink' && type !== 'directory')
    throw valueError(`${what}.type`, "must be 'file', 'symlink' or 'directory'");
  if (type !== 'directory' && /^\/*$/.test(path)) throw valueError(`${name}.path`, 'must be that of a file');
  if (type !== 'file' && content !== undefined) throw valueError(`${what}.content`, `is not for a ${type}`);
  if (type !== 'symlink' && target !== undefined) throw valueError(`${what}.target`, `is not for a ${type}`);
  const spec = entrySpec(value, type, path, what);
  if (type === 'symlink') {
    checkTarget(target, `${what}.target`);
    await writer.add({ ...spec, target });
  } else if (type === 'file') {
    checkContent(content, `${what}.content`);
    await writer.add(spec, content, `${what}.content`);
  } else {
    await writer.add(spec);
  }
}

/** All entries of an iterable, one after the other, no faster than the addon takes them. */
export async function fillFileSet(
  repo: RepoInner,
  entries: Iterable<unknown> | AsyncIterable<unknown>,
  name: string,
  signal: AbortSignal,
): Promise<FileSetHandle> {
  const handle = native().fileSetNew(repo.native);
  try {
    const writer = new FileSetWriter(handle, signal);
    let index = 0;
    await takeEach(entries, signal, (entry) => addEntry(writer, entry, `${name}[${index++}]`));
    await writer.flush();
    return handle;
  } catch (error) {
    native().fileSetClose(handle);
    throw error;
  }
}
