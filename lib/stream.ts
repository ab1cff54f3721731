// A file of a commit as a Node stream.
import { Readable } from 'node:stream';

import type { Call, FileHandle } from '../typings/addon.js';
import { abortError, onAbort } from './abort.js';
import type { CallOptions } from './call.js';
import { type Names, checkInteger, checkOptions, checkRev, checkSignal, valueError } from './check.js';
import { OstreeError } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { checkPath } from './tree.js';
import type { Rev } from './types.js';

export interface ReadStreamOptions extends CallOptions {
  /** The first byte; 0 unless given. */
  start?: number | undefined;
  /** The last byte, inclusive, as in node:fs; the last of the file unless given. */
  end?: number | undefined;
  /** Bytes that are read ahead; 256 KiB unless given. */
  highWaterMark?: number | undefined;
}

/** More than node:fs reads at once: each chunk goes through a thread and the event loop. */
const READ_AHEAD = 256 << 10;
/** Bytes that one native call reads at most, so that none takes long. */
const MAX_CHUNK = 1 << 20;

/**
 * Opens the file when it is first read from, and then reads one chunk at a time, as the consumer asks for them:
 * until then it holds neither a descriptor nor a thread.
 */
class FileStream extends Readable {
  readonly #repo: RepoInner;
  readonly #rev: Rev;
  readonly #path: string;
  readonly #start: number;
  readonly #end: number;
  readonly #cancel = new AbortController();
  readonly #signal: AbortSignal | undefined;
  /** Undefined until it is read from: a stream that nobody reads has nothing to end. */
  #forget: (() => void)[] | undefined;
  #reading: Promise<void> | undefined;
  #file: FileHandle | undefined;
  /** Where the next chunk begins, and where the last one ends. */
  #position = 0;
  #stop = 0;

  constructor(repo: RepoInner, rev: Rev, path: string, options: ReadStreamOptions) {
    super({ highWaterMark: options.highWaterMark ?? READ_AHEAD });
    this.#repo = repo;
    this.#rev = rev;
    this.#path = path;
    this.#start = options.start ?? 0;
    this.#end = options.end ?? Infinity;
    this.#signal = options.signal;
  }

  override _read(size: number): void {
    if (!this.#begin()) return;
    this.#reading = this.#next(Math.min(size, MAX_CHUNK)).then(
      (chunk) => void this.push(chunk),
      (error: unknown) => void this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    for (const forget of this.#forget ?? []) forget();
    this.#cancel.abort();
    const close = () => {
      if (this.#file) native().fileClose(this.#file);
      this.#file = undefined;
      callback(error);
    };
    // The call that runs has the file until it has ended.
    if (this.#reading) void this.#reading.then(close);
    else close();
  }

  /** false: it has ended before. */
  #begin(): boolean {
    if (this.#forget) return true;
    const signal = this.#signal;
    const abort = () => this.destroy(signal && abortError(signal));
    this.#forget = [
      this.#repo.lifetime.atClose(() =>
        this.destroy(new OstreeError('CLOSED', `The repository of ${this.#path} was closed`)),
      ),
    ];
    if (signal?.aborted) abort();
    else if (signal) this.#forget.push(onAbort(signal, abort));
    return !this.destroyed;
  }

  /** null at the end. */
  async #next(size: number): Promise<Buffer | null> {
    const file = (this.#file ??= await this.#open());
    const length = Math.min(size, this.#stop - this.#position);
    if (length <= 0) return null;
    // Not from the pool: the chunk keeps nothing else alive, and nothing else is beside it.
    const chunk = Buffer.allocUnsafeSlow(length);
    await this.#run((call) => native().fileFill(file, chunk, call));
    this.#position += length;
    return chunk;
  }

  async #open(): Promise<FileHandle> {
    const { file, size } = await this.#run((call) =>
      native().fileOpen(this.#repo.native, this.#rev, this.#path, call),
    );
    this.#stop = Math.min(size, this.#end + 1);
    const start = Math.min(this.#start, this.#stop);
    this.#file = file;
    while (this.#position < start)
      this.#position = await this.#run((call) => native().fileSeek(file, start, call));
    return file;
  }

  #run<T>(start: (call: Call) => Promise<T>): Promise<T> {
    return this.#repo.lifetime.run({ signal: this.#cancel.signal }, start);
  }
}

const OPTIONS: Names<ReadStreamOptions> = { signal: true, start: true, end: true, highWaterMark: true };

export function createReadStream(
  repo: RepoInner,
  rev: Rev,
  path: string,
  options: ReadStreamOptions,
): Readable {
  checkRev(rev);
  checkPath(path);
  checkOptions(options, OPTIONS);
  const { start = 0, end, highWaterMark } = options;
  checkInteger(start, 'options.start');
  if (end !== undefined && end !== Infinity) checkInteger(end, 'options.end');
  if (end !== undefined && end < start)
    throw valueError('options.end', `must not be less than options.start, ${start}`);
  if (highWaterMark !== undefined) checkInteger(highWaterMark, 'options.highWaterMark', 1, 2 ** 30);
  checkSignal(options.signal);
  return new FileStream(repo, rev, path, options);
}
