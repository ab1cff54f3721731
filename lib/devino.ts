// Which files of checkouts are hard links to objects: what repo.checkout() notes, and repo.commit() need not read.
import type { DevInoHandle } from '../typings/addon.js';
import { typeError } from './check.js';
import { native } from './native.js';
import { shown } from './show.js';

let handleOf: (cache: DevInoCache) => DevInoHandle;

/**
 * Remembers what checkouts have linked, for commits that are made of them: `checkout({ devinoCache })` fills it, and to
 * `commit({ devinoCache })` a file that still is the link to its object is that object, with the owner, mode and
 * attributes that the object has; it is not read. In a bare-user repository that is how they are kept at all, as the
 * files on disk belong to whoever made the checkout.
 *
 * It lasts for as many checkouts and commits as you like, side by side, too; what is no longer so is found out. To
 * change such a file, replace it: written to in place, it damages the repository.
 * As `ostree_repo_devino_cache_new()`; the command has `ostree commit --link-checkout-speedup`.
 */
export class DevInoCache {
  readonly #native = native().devinoNew();

  static {
    handleOf = (cache) => cache.#native;
    shown(this, (cache) => (#native in cache ? { size: cache.size } : undefined));
  }

  /** How many files it remembers. */
  get size(): number {
    return native().devinoSize(this.#native);
  }

  clear(): void {
    native().devinoClear(this.#native);
  }
}

/** `options.devinoCache`, as the addon wants it. */
export function devinoHandle(value: unknown): DevInoHandle | undefined {
  if (value === undefined) return undefined;
  if (!(value instanceof DevInoCache)) throw typeError('options.devinoCache', 'a DevInoCache', value);
  return handleOf(value);
}
