// Which files of checkouts are hard links to objects: what repo.checkout() notes, and repo.commit() need not read.
import type { DevInoHandle } from '../typings/addon.js';
import { typeError } from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { shown } from './show.js';

/** What a Repo itself remembers. */
const ofRepos = new WeakMap<RepoInner, DevInoCache>();

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

function ofRepo(repo: RepoInner): DevInoCache {
  const known = ofRepos.get(repo);
  if (known) return known;
  const cache = new DevInoCache();
  ofRepos.set(repo, cache);
  return cache;
}

/** `options.devinoCache`, as the addon wants it. */
export function devinoHandle(value: unknown, repo: RepoInner): DevInoHandle | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return handleOf(ofRepo(repo));
  if (!(value instanceof DevInoCache))
    throw typeError('options.devinoCache', 'a boolean or a DevInoCache', value);
  return handleOf(value);
}
