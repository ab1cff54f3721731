// What open handles (Repo, Sysroot, Transaction) have in common: calls are
// refused once closed, close() waits for what runs, or cancels it.
import type { Call } from '../typings/addon.js';
import { onAbort, untilAborted } from './abort.js';
import { type CallOptions, type RunOptions, run } from './call.js';
import { type Names, checkOptions, checkOptionsObject, checkSignal } from './check.js';
import { OstreeError } from './errors.js';
import { inside, isInside } from './inside.js';

/** Aborting the signal ends the wait, not what is being closed. */
export interface CloseOptions extends CallOptions {
  /** Cancel what still runs instead of waiting for it. */
  cancel?: boolean | undefined;
}

const CLOSE: Names<CloseOptions> = { signal: true, cancel: true };

const cancelled = () => new OstreeError('CANCELLED', 'Operation was cancelled');

interface Unclosed {
  what: string;
}

// A handle that nobody closed keeps descriptors open until the collector finds it.
const unclosed = new FinalizationRegistry<Unclosed>(({ what }) => {
  process.emitWarning(`${what} was not closed: call close(), or use 'await using'`, {
    code: 'OSTREE_UNCLOSED',
  });
});

export class Lifetime {
  readonly #what: string;
  readonly #running = new Map<Promise<unknown>, () => void>();
  readonly #atClose = new Set<() => void>();
  readonly #parts = new Map<Lifetime, () => Promise<void>>();
  #closed: Promise<void> | undefined;
  #cancelled = false;
  /** Why a part did not end well. */
  #failure: { error: unknown } | undefined;

  /** `what` names it in messages: "Repo /srv/repo". */
  constructor(what: string) {
    this.#what = what;
  }

  /** Warns when `owner` is collected before it was closed. */
  watch(owner: object): void {
    unclosed.register(owner, { what: this.#what }, this);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Throws CLOSED after close(). */
  check(): void {
    if (this.#closed) throw new OstreeError('CLOSED', `${this.#what} is closed`);
  }

  /** One native call, counted among those that close() waits for. */
  async run<T, P = never>(options: RunOptions<P>, start: (call: Call) => Promise<T>): Promise<T> {
    this.check();
    let cancel = () => {};
    const promise = run(options, start, (cancelCall) => {
      cancel = cancelCall;
    });
    this.#running.set(promise, () => cancel());
    try {
      return await promise;
    } finally {
      this.#running.delete(promise);
    }
  }

  /**
   * Several calls that count as one: close() waits for the last of them. Each takes the signal that `body` gets, which
   * close() aborts, too.
   */
  async sequence<T>(options: CallOptions, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.check();
    checkOptionsObject(options);
    checkSignal(options.signal);
    options.signal?.throwIfAborted();
    return await this.continued(options, body);
  }

  /**
   * As {@link Lifetime.sequence}, for a call that runs already and goes on, after close(), too: which waits for it.
   * `body` runs in any case, with a signal that is aborted where the cancel came too late for the call's first part: it
   * has what that part opened to close.
   */
  async continued<T>({ signal }: CallOptions, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const cancel = () => controller.abort(cancelled());
    if (signal?.aborted) controller.abort(signal.reason);
    else if (this.#cancelled) cancel();
    const forget = signal && onAbort(signal, () => controller.abort(signal.reason));
    const promise = inside(this, () => body(controller.signal));
    this.#running.set(promise, cancel);
    try {
      return await promise;
    } finally {
      this.#running.delete(promise);
      forget?.();
    }
  }

  /** Registers what must end when it closes: an open stream, an iterator. The result takes it off again. */
  atClose(end: () => void): () => void {
    this.#atClose.add(end);
    return () => this.#atClose.delete(end);
  }

  /**
   * Registers another handle that ends when this one does: a transaction, a lock. close() calls `end`, and waits for it.
   * The result takes it off again.
   */
  adopt(part: Lifetime, end: () => Promise<void>): () => void {
    this.#parts.set(part, end);
    if (this.#closed) this.#end(end);
    return () => this.#parts.delete(part);
  }

  /** Cancels what runs, and what runs on its parts. */
  cancel(): void {
    this.#cancelled = true;
    for (const cancel of this.#running.values()) cancel();
    for (const part of this.#parts.keys()) part.cancel();
  }

  #end(end: () => Promise<void>): void {
    const ending: Promise<void> = end()
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#running.delete(ending));
    this.#running.set(ending, () => {});
  }

  #isInside(): boolean {
    return isInside(this) || [...this.#parts.keys()].some((part) => part.#isInside());
  }

  /** Throws LOCKED where close() would wait for an operation that waits for its caller. */
  checkNotInside(): void {
    if (!this.#isInside()) return;
    throw new OstreeError(
      'LOCKED',
      `${this.#what} cannot be closed inside one of its own operations, such as by a signer or a source of files: it would wait for itself. Close it once the operation has ended`,
      { details: { holder: 'this-process' } },
    );
  }

  /**
   * Idempotent. `release` runs once nothing uses the handle any more.
   *
   * @throws {OstreeError} `LOCKED` inside one of its own operations
   */
  async close(options: CloseOptions, release?: () => Promise<void>): Promise<void> {
    this.checkClose(options);
    this.#closed ??= this.#close(release);
    if (options.cancel) this.cancel();
    await (options.signal ? untilAborted(options.signal, this.#closed) : this.#closed);
  }

  /** Throws where close() would do nothing. */
  checkClose(options: CloseOptions): void {
    checkOptions(options, CLOSE);
    checkSignal(options.signal);
    options.signal?.throwIfAborted();
    this.checkNotInside();
  }

  async #close(release?: () => Promise<void>): Promise<void> {
    unclosed.unregister(this);
    for (const end of this.#atClose) end();
    this.#atClose.clear();
    for (const end of this.#parts.values()) this.#end(end);
    while (this.#running.size > 0) await Promise.allSettled(this.#running.keys());
    await release?.();
    if (this.#failure) throw this.#failure.error;
  }
}
