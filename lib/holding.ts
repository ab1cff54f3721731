// What the caller itself holds of a repository, known through its asynchronous
// context: work that would wait for its own transaction can never succeed.
import { AsyncLocalStorage } from 'node:async_hooks';

import { OstreeError } from './errors.js';
import type { RepoInner } from './repo-inner.js';

interface Holding {
  path: string;
  what: string;
  outer: Holding | undefined;
}

const holdings = new AsyncLocalStorage<Holding>();

/** Runs `body` while the caller holds `what` ("a transaction") of the repository. */
export function whileHolding<T>(repo: RepoInner, what: string, body: () => T): T {
  return holdings.run({ path: repo.path, what, outer: holdings.getStore() }, body);
}

/** Throws LOCKED at once where exclusive work on the repository would wait for what its own caller holds. */
export function checkNotHolding(repo: RepoInner, work: string): void {
  for (let holding = holdings.getStore(); holding; holding = holding.outer) {
    if (holding.path !== repo.path) continue;
    throw new OstreeError(
      'LOCKED',
      `${work} needs the repository ${repo.path} for itself, but is called inside ${holding.what} on it: it would wait for itself`,
      {
        path: repo.path,
        details: { holder: 'this-process', heldBy: holding.what },
      },
    );
  }
}
