// Which operations the caller is a part of, known through its asynchronous
// context: a signer, say, or a source of files, for which the operation waits.
import { AsyncLocalStorage } from 'node:async_hooks';

/** What an operation belongs to. */
type Owner = object;

interface Inside {
  owner: Owner;
  outer: Inside | undefined;
  over: boolean;
}

const current = new AsyncLocalStorage<Inside | undefined>();

/** Runs `body`, whose callbacks are inside an operation of `owner` until it settles. */
export async function inside<T>(owner: Owner, body: () => Promise<T>): Promise<T> {
  const mine: Inside = { owner, outer: current.getStore(), over: false };
  try {
    return await current.run(mine, body);
  } finally {
    mine.over = true;
  }
}

/** Runs `body` as if outside: for callbacks that no operation waits for. */
export function outside<T>(body: () => T): T {
  return current.run(undefined, body);
}

export function isInside(owner: Owner): boolean {
  for (let some = current.getStore(); some; some = some.outer)
    if (some.owner === owner && !some.over) return true;
  return false;
}
