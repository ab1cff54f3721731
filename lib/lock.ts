// Locks of a repository that last over several calls.
import type { LockHandle } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { checkInteger, checkOneOf } from './check.js';
import { checkNotHolding } from './holding.js';
import { Lifetime } from './lifetime.js';
import { native } from './native.js';
import { Repo } from './repo.js';
import type { RepoInner } from './repo-inner.js';

export interface LockOptions extends CallOptions {
  /** Milliseconds to wait for others, of this process or another, before LOCKED. 30 000 unless given. */
  timeout?: number | undefined;
}

const TIMEOUT = 30_000;

/** A lock that is held. What is done through {@link RepoLock.repo} runs under it, one call at a time. */
export class RepoLock implements AsyncDisposable {
  /** The repository, through the handle that holds the lock. */
  readonly repo: Repo;
  readonly #native: LockHandle;
  readonly #lifetime: Lifetime;

  /** @internal Use {@link Repo.lock}. */
  constructor(lock: LockHandle, repo: Repo) {
    this.#native = lock;
    this.repo = repo;
    this.#lifetime = new Lifetime(`The lock of ${repo.path}`);
    this.#lifetime.watch(this);
  }

  /** Waits for what runs through {@link RepoLock.repo}, then gives the lock up. Idempotent. Wraps `ostree_repo_lock_pop()`. */
  async release(): Promise<void> {
    await this.repo.close();
    await this.#lifetime.close({}, () => this.#release());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    const call = native().callNew();
    await native().repoLockRelease(this.#native, call);
  }
}

export async function lock(
  repo: RepoInner,
  kind: 'shared' | 'exclusive',
  options: LockOptions,
): Promise<RepoLock> {
  checkOneOf(kind, 'kind', ['shared', 'exclusive']);
  const { timeout = TIMEOUT } = options;
  checkInteger(timeout, 'options.timeout');
  if (kind === 'exclusive') checkNotHolding(repo, 'An exclusive lock');
  const locked = await repo.lifetime.run({ ...options, gateTimeout: timeout }, (call) =>
    native().repoLock(repo.native, kind === 'exclusive', timeout, call),
  );
  return new RepoLock(locked.lock, new Repo(locked.repo));
}
