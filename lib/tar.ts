// Tar archives: commits as such, and such as commits.
import { Socket } from 'node:net';
import { Readable } from 'node:stream';

import { abortError, onAbort } from './abort.js';
import type { CallOptions } from './call.js';
import {
  type Names,
  checkBoolean,
  checkOptions,
  checkRev,
  checkSignal,
  checkString,
  valueError,
} from './check.js';
import { OstreeError } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

export interface ExportTarOptions extends CallOptions {
  /** A directory of the commit, which becomes the root of the archive. */
  subpath?: string | undefined;
  /**
   * What every path in the archive begins with, letter by letter: of a commit with `/bin/a`, `opt/` makes `opt/`,
   * `opt/bin/` and `opt/bin/a`; `opt` without a slash makes `opt/` and beside it `optbin/` and `optbin/a`. Nothing else
   * is looked at: `/` makes absolute paths, `../` such as lead out of where the archive is unpacked. Without one the
   * paths are `./`, `bin/` and `bin/a`.
   */
  prefix?: string | undefined;
  /** false: without extended attributes. GNU tar's format has none in any case. */
  xattrs?: boolean | undefined;
}

/** Starts when it is first read from, and waits where the consumer does. Until then it holds nothing. */
class TarStream extends Readable {
  readonly #start: (signal: AbortSignal, socketOf: (fd: number) => void) => Promise<void>;
  readonly #cancel = new AbortController();
  readonly #repo: RepoInner;
  readonly #signal: AbortSignal | undefined;
  #forget: (() => void)[] = [];
  #socket: Socket | undefined;
  #done: Promise<void> | undefined;

  constructor(
    repo: RepoInner,
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal, socketOf: (fd: number) => void) => Promise<void>,
  ) {
    super();
    this.#start = start;
    this.#repo = repo;
    this.#signal = signal;
  }

  override _read(): void {
    if (this.#done) {
      this.#socket?.resume();
      return;
    }
    this.#listen();
    if (this.destroyed) return;
    this.#done = this.#start(this.#cancel.signal, (fd) => this.#receive(fd));
    this.#done.catch((error: unknown) => this.destroy(error as Error));
  }

  /** From the first read on: a stream that nobody reads has nothing to end. */
  #listen(): void {
    const signal = this.#signal;
    const abort = () => this.destroy(signal && abortError(signal));
    this.#forget = [
      this.#repo.lifetime.atClose(() =>
        this.destroy(new OstreeError('CLOSED', `Repo ${this.#repo.path} is closed`)),
      ),
    ];
    if (signal?.aborted) abort();
    else if (signal) this.#forget.push(onAbort(signal, abort));
  }

  #receive(fd: number): void {
    const socket = new Socket({ fd, readable: true, writable: false });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('error', (error) => this.destroy(error));
    // The end of the data is that of the archive only when the call says so.
    socket.on('end', () => void this.#done?.then(() => this.push(null)).catch(() => {}));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    for (const forget of this.#forget) forget();
    this.#cancel.abort(error ?? undefined);
    this.#socket?.destroy();
    const close = () => callback(error);
    if (this.#done) this.#done.then(close, close);
    else close();
  }
}

const OPTIONS: Names<ExportTarOptions> = { signal: true, subpath: true, prefix: true, xattrs: true };

export function exportTar(repo: RepoInner, rev: Rev, options: ExportTarOptions): Readable {
  checkRev(rev);
  checkOptions(options, OPTIONS);
  const { subpath = '', prefix = '', xattrs = true, signal } = options;
  checkString(subpath, 'options.subpath');
  const names = subpath.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..'))
    throw valueError('options.subpath', `must not contain '.' or '..'. Received '${subpath}'`);
  checkString(prefix, 'options.prefix');
  checkBoolean(xattrs, 'options.xattrs');
  checkSignal(signal);
  return new TarStream(repo, signal, (cancel, socketOf) =>
    repo.lifetime.run({ signal: cancel }, (call) => {
      const { channel, fd } = native().channelNew();
      socketOf(fd);
      const how = { subpath: names.join('/'), prefix, xattrs };
      return native().tarExport(repo.native, rev, how, channel, call);
    }),
  );
}
