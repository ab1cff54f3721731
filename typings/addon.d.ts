// The contract of ostree.node: one line per native method, each naming the libostree function behind it. Internal: users see lib/.
// Every asynchronous method takes a Call last. A failure rejects with a NativeFailure, a wrong argument throws a TypeError.

declare const kind: unique symbol;
/** An opaque, type-tagged native object. */
export interface Handle<Kind extends string> {
  readonly [kind]: Kind;
}
export type Call = Handle<'call'>;
export type RepoHandle = Handle<'repo'>;
export type LockHandle = Handle<'lock'>;

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

  // variants, version, validation; synchronous, in memory
  /** Tells the addon how a value of type v becomes a Variant where Variants are kept. */
  variantClass(make: (type: string, bytes: Uint8Array) => unknown): void;
  /** The serialised form of a value of this type. */
  variantNew(type: string, value: unknown): Uint8Array;
  /** g_variant_new_from_bytes: a copy of the bytes, if they are the normal form of a value of this type */
  variantCheck(type: string, bytes: Uint8Array): Uint8Array;
  /** g_variant_parse */
  variantParse(text: string, type: string | undefined): { type: string; bytes: Uint8Array };
  /** The JavaScript value; `keep` makes a Variant of what is in a v. */
  variantRead(type: string, bytes: Uint8Array, keep: boolean): unknown;
  /** g_variant_print, with type annotations */
  variantPrint(type: string, bytes: Uint8Array, annotate: boolean): string;
  /** ostree_check_version, glib_major_version and its kin */
  versionRead(): { libostree: string; glib: string; sha256: string };
  /** null: it cannot be told */
  featuresRead(): Record<string, boolean | null>;
  /** 64 lower-case hex digits */
  validateChecksum(value: string): void;
  /** ostree_validate_rev */
  validateRef(value: string): void;
  /** ostree_parse_refspec */
  validateRefspec(value: string): void;
  /** ostree_validate_remote_name */
  validateRemoteName(value: string): void;
  /** ostree_validate_collection_id */
  validateCollectionId(value: string): void;

  // repository: open, config, locks
  /** ostree_repo_open */
  repoOpen(spec: RepoSpec, call: Call): Promise<OpenedRepo>;
  /** ostree_repo_create_at */
  repoCreate(spec: RepoSpec, mode: string, collectionId: string | undefined, call: Call): Promise<OpenedRepo>;
  /** ostree_repo_reload_config */
  repoReload(repo: RepoHandle, call: Call): Promise<RepoInfo>;
  /** ostree_repo_copy_config */
  configRead(repo: RepoHandle, call: Call): Promise<Record<string, Record<string, string>>>;
  /** ostree_repo_write_config; null removes the key */
  configWrite(
    repo: RepoHandle,
    group: string,
    key: string,
    value: string | null,
    call: Call,
  ): Promise<RepoInfo>;
  /** ostree_repo_lock_push */
  repoLock(repo: RepoHandle, exclusive: boolean, timeout: number, call: Call): Promise<LockedRepo>;
  /** ostree_repo_lock_pop */
  repoLockRelease(lock: LockHandle, call: Call): Promise<void>;

  // refs
  /** ostree_repo_resolve_rev_ext */
  refResolve(repo: RepoHandle, rev: string, localOnly: boolean, call: Call): Promise<string>;
  /** ostree_repo_list_refs_ext, ostree_repo_list_collection_refs */
  refList(repo: RepoHandle, options: ListRefsOptions, collections: boolean, call: Call): Promise<RefInfo[]>;
  /** ostree_repo_set_ref_immediate, ostree_repo_set_collection_ref_immediate */
  refSet(repo: RepoHandle, target: RefTarget, call: Call): Promise<void>;
  /** ostree_repo_set_alias_ref_immediate */
  refSetAlias(repo: RepoHandle, ref: string, target: string, call: Call): Promise<void>;

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
export interface LockedRepo {
  lock: LockHandle;
  repo: OpenedRepo;
}

// refs
export interface ListRefsOptions {
  prefix?: string | undefined;
  aliases?: boolean | undefined;
  remotes?: boolean | undefined;
  mirrors?: boolean | undefined;
}
export interface RefInfo {
  ref: string;
  remote?: string;
  collectionId?: string;
  checksum: string;
  alias?: string;
}
export interface RefTarget {
  ref: string;
  remote?: string | undefined;
  collectionId?: string | undefined;
  checksum: string | null;
  expected?: string | null | undefined;
  mustExist?: boolean | undefined;
  commitMustExist?: boolean | undefined;
}
