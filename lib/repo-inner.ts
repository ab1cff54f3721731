// What a Repo is inside, and the options it is opened with.
import type { RepoHandle, RepoSpec } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { typeError } from './check.js';
import type { Lifetime } from './lifetime.js';

export const MODES = ['archive', 'bare', 'bare-user', 'bare-user-only', 'bare-split-xattrs'] as const;

/** How a repository stores its objects. */
export type RepoMode = (typeof MODES)[number];

export interface CreateOptions extends CallOptions {
  /** `bare` unless given, as with `ostree init`. */
  mode?: RepoMode | undefined;
  /** The collection that the refs of this repository belong to, such as `org.example.Os`. */
  collectionId?: string | undefined;
}

export interface OpenOptions extends CallOptions {
  /** Where summaries of remotes are cached, for users who may not write the repository. */
  cacheDir?: string | undefined;
  /** A directory of further `*.conf` files with remotes. */
  remotesConfigDir?: string | undefined;
  /** false: nothing is flushed to disk at the end of a transaction. */
  fsync?: boolean | undefined;
}

/** What the files of lib/ need of a Repo. */
export interface RepoInner {
  readonly path: string;
  readonly native: RepoHandle;
  readonly lifetime: Lifetime;
  /** How another process opens the same; of a part of something that lives in this one only, nothing. */
  readonly spec?: RepoSpec | undefined;
}

const inners = new WeakMap<object, RepoInner>();

/** The inside of a Repo, for this package's own files. */
export function innerOf(repo: object, name = 'repo'): RepoInner {
  const inner = inners.get(repo);
  if (!inner) throw typeError(name, 'a Repo', repo);
  return inner;
}

/** Gives a Repo its inside, as it is made. */
export function setInner(repo: object, inner: RepoInner): void {
  inners.set(repo, inner);
}
