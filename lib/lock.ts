// Locks of a repository that last over several calls.
import type { LockHandle } from '../typings/addon.js';
import { type CallOptions, MAX_TIMER, run } from './call.js';
import { checkInteger, checkOneOf, checkOptions, type Names } from './check.js';
import { checkNotHolding } from './holding.js';
import { Lifetime } from './lifetime.js';
import { native } from './native.js';
import { Repo } from './repo.js';
import { innerOf, type RepoInner } from './repo-inner.js';
import { shown } from './show.js';

export interface LockOptions extends CallOptions {
  /** Milliseconds to wait for others, of this process or another, before LOCKED. 30 000 unless given; `Infinity`: for ever. */
  timeout?: number | undefined;
}

const TIMEOUT = 30_000;

/** A lock that is held. What is done through {@link RepoLock.repo} runs under it, one call at a time. */
export class RepoLock implements AsyncDisposable {
  /** The repository, through the handle that holds the lock. */
  readonly repo: Repo;
  readonly #native: LockHandle;
  readonly #lifetime: Lifetime;
  readonly #forget: () => void;

  static {
    shown(this, (lock) =>
      #lifetime in lock ? { repo: lock.repo.path, released: lock.#lifetime.closed } : undefined,
    );
  }

  /** @internal Use {@link Repo.lock}. */
  constructor(lock: LockHandle, repo: Repo, owner: RepoInner) {
    this.#native = lock;
    this.repo = repo;
    this.#lifetime = new Lifetime(`The lock of ${repo.path}`);
    this.#lifetime.watch(this);
    this.#lifetime.adopt(innerOf(repo).lifetime, () => repo.close());
    // Weakly: a lock that was forgotten is given up, with a warning, when the collector finds it.
    const self = new WeakRef(this);
    this.#forget = owner.lifetime.adopt(this.#lifetime, async () => await self.deref()?.release());
  }

  /**
   * Waits for what runs through {@link RepoLock.repo}, then gives the lock up, as closing its Repo does. Idempotent.
   * A pull that was aborted is waited for, too, until its server answers: give one under a lock a `stallTimeout`.
   * Aborting the signal ends the wait, and the lock is given up even so. Wraps `ostree_repo_lock_pop()`.
   */
  async release(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    await this.#lifetime.close(options, () => this.#release());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    await run({}, (call) => native().repoLockRelease(this.#native, call));
    this.#forget();
  }
}

const OPTIONS: Names<LockOptions> = { signal: true, timeout: true };

export async function lock(
  repo: RepoInner,
  kind: 'shared' | 'exclusive',
  options: LockOptions,
): Promise<RepoLock> {
  checkOneOf(kind, 'kind', ['shared', 'exclusive']);
  checkOptions(options, OPTIONS);
  const { timeout: given = TIMEOUT } = options;
  if (given !== Infinity) checkInteger(given, 'options.timeout');
  const timeout = Math.min(given, MAX_TIMER);
  if (kind === 'exclusive') checkNotHolding(repo, 'An exclusive lock');
  return await repo.lifetime.sequence(options, async (signal) => {
    const taken = await run({ signal, gateTimeout: timeout }, (call) =>
      native().repoLock(repo.native, kind === 'exclusive', timeout, call),
    );
    return new RepoLock(taken.lock, new Repo(taken.repo, undefined, 'shared'), repo);
  });
}
