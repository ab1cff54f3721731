// The contract of ostree.node: one line per native method, each naming the libostree function behind it. Internal: users see lib/.
// Every asynchronous method takes a Call last. A failure rejects with a NativeFailure, a wrong argument throws a TypeError.

declare const kind: unique symbol;
/** An opaque, type-tagged native object. */
export interface Handle<Kind extends string> {
  readonly [kind]: Kind;
}
export type Call = Handle<'call'>;
export type RepoHandle = Handle<'repo'>;

/** What a failed operation rejects with; lib/errors.ts makes an OstreeError of it. */
export interface NativeFailure {
  failure: string;
  code: string;
  domain?: string;
  path?: string;
  ref?: string;
  checksum?: string;
  remote?: string;
  details?: unknown;
}

export interface Addon {
  // calls
  callNew(onProgress?: (progress: never) => void): Call;
  callCancel(call: Call): void;
  callGiveUp(call: Call): void;

  // variants, version, validation

  // repository: open, config, locks
  /** ostree_repo_open */
  repoOpen(spec: RepoSpec, call: Call): Promise<OpenedRepo>;
  /** ostree_repo_create_at */
  repoCreate(spec: RepoSpec, mode: string, collectionId: string | undefined, call: Call): Promise<OpenedRepo>;
  /** ostree_repo_reload_config */
  repoReload(repo: RepoHandle, call: Call): Promise<RepoInfo>;

  // refs
  /** ostree_repo_resolve_rev_ext */
  refResolve(repo: RepoHandle, rev: string, localOnly: boolean, call: Call): Promise<string>;

  // commits: reading, log, diff

  // trees and files

  // commits: writing, transactions

  // checkout

  // fsck, prune

  // remotes, pull

  // summary, signatures

  // sysroot
}

// repository: open, config, locks
export interface RepoSpec {
  path: string;
  cacheDir?: string | undefined;
  remotesConfigDir?: string | undefined;
  fsync?: boolean | undefined;
}
export interface RepoInfo {
  path: string;
  mode: string;
  collectionId: string | null;
  parent: string | null;
  writable: boolean;
}
export interface OpenedRepo {
  handle: RepoHandle;
  info: RepoInfo;
}
