import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

import type { OpenedRepo, RepoInfo, RepoSpec } from '../typings/addon.js';
import { type CallOptions, run } from './call.js';
import {
  type Names,
  checkBoolean,
  checkCollectionId,
  checkMade,
  checkName,
  checkOneOf,
  checkOptions,
} from './check.js';
import { checkout, type CheckoutOptions, type CheckoutResult } from './checkout.js';
import { commit, type CommitOptions, type CommitResult, type MetadataInput } from './commit.js';
import { RepoConfig } from './config.js';
import { Deltas } from './deltas.js';
import { setDetachedMetadata } from './detached.js';
import { fsck, type FsckOptions, type FsckReport } from './fsck.js';
import { type CloseOptions, Lifetime } from './lifetime.js';
import { lock, type LockOptions, type RepoLock } from './lock.js';
import { native } from './native.js';
import { prune, type PruneOptions, type PruneResult } from './prune.js';
import * as refs from './refs.js';
import { retain, type RetainOptions, type RetainResult } from './retain.js';
import { type RemoveSignaturesOptions, type Signer, removeSignatures, sign } from './sign.js';
import { RepoExchange } from './repo-exchange.js';
import {
  type CreateOptions,
  MODES,
  type OpenOptions,
  type RepoInner,
  type RepoMode,
  setInner,
} from './repo-inner.js';
import { shown } from './show.js';
import { Summary } from './summary.js';
import { Remotes } from './remotes.js';
import { exportTar, type ExportTarOptions } from './tar.js';
import { begin, transaction, type Transaction, type TransactionOptions } from './transaction.js';
import type { Checksum, Rev } from './types.js';
import { type VerifyOptions, type VerifyResult, verify } from './verify.js';

const CREATE: Names<CreateOptions> = { signal: true, mode: true, collectionId: true };

const OPEN: Names<OpenOptions> = { signal: true, cacheDir: true, remotesConfigDir: true, fsync: true };

/**
 * An OSTree repository.
 *
 * Everything on a Repo may run side by side. An open Repo does not keep the process alive; a running call does.
 */
export class Repo extends RepoExchange implements AsyncDisposable {
  /** The settings of the repository. */
  readonly config: RepoConfig;
  /** The summary: the list of refs for those who pull. */
  readonly summary: Summary;
  /** Static deltas: all that makes one commit of another, in a few files. */
  readonly deltas: Deltas;
  /** Where it pulls from. */
  readonly remotes: Remotes;
  #info: RepoInfo;
  readonly #inner: RepoInner;
  /** Shared: what lent it closes it, a lock or a sysroot, say. */
  readonly #native: 'owned' | 'shared';

  static {
    shown(this, (repo) =>
      #inner in repo ? { path: repo.path, mode: repo.mode, closed: repo.#inner.lifetime.closed } : undefined,
    );
  }

  /** @internal Use {@link Repo.open} or {@link Repo.create}. */
  constructor(opened: OpenedRepo, spec?: RepoSpec, handle: 'owned' | 'shared' = 'owned') {
    super();
    checkMade(opened, 'handle', 'Repo', 'Repo.open() or Repo.create()');
    this.#native = handle;
    this.#info = opened.info;
    this.#inner = {
      path: opened.info.path,
      native: opened.handle,
      lifetime: new Lifetime(`Repo ${opened.info.path}`),
      spec,
    };
    this.#inner.lifetime.watch(this);
    setInner(this, this.#inner);
    this.summary = new Summary(this.#inner);
    this.deltas = new Deltas(this.#inner);
    this.config = new RepoConfig(this.#inner, (info) => {
      this.#info = info;
    });
    this.remotes = new Remotes(this.#inner);
  }

  // repository: open, config, locks

  /**
   * Creates a repository, and opens it. One that is already there is only opened, and keeps its mode and collection,
   * whatever the options say: see {@link Repo.mode}.
   * Wraps `ostree_repo_create_at()`.
   */
  static async create(path: string, options: CreateOptions = {}): Promise<Repo> {
    checkName(path, 'path');
    checkOptions(options, CREATE);
    const { mode = 'bare', collectionId } = options;
    checkOneOf(mode, 'options.mode', MODES);
    if (collectionId !== undefined) checkCollectionId(collectionId, 'options.collectionId');
    const spec = { path: resolve(path) };
    return new Repo(await run(options, (call) => native().repoCreate(spec, mode, collectionId, call)), spec);
  }

  /**
   * Opens a repository. Wraps `ostree_repo_open()`.
   *
   * @param path - without one: `$OSTREE_REPO`, else `/ostree/repo`
   * @throws {OstreeError} `NOT_FOUND` when there is no repository
   */
  static async open(
    path = process.env['OSTREE_REPO'] ?? '/ostree/repo',
    options: OpenOptions = {},
  ): Promise<Repo> {
    checkName(path, 'path');
    checkOptions(options, OPEN);
    const { cacheDir, remotesConfigDir, fsync = true } = options;
    checkBoolean(fsync, 'options.fsync');
    if (cacheDir !== undefined) checkName(cacheDir, 'options.cacheDir');
    if (remotesConfigDir !== undefined) checkName(remotesConfigDir, 'options.remotesConfigDir');
    const spec = {
      path: resolve(path),
      cacheDir: cacheDir && resolve(cacheDir),
      remotesConfigDir: remotesConfigDir && resolve(remotesConfigDir),
      fsync,
    };
    return new Repo(await run(options, (call) => native().repoOpen(spec, call)), spec);
  }

  /** The absolute path it was opened by. */
  get path(): string {
    return this.#info.path;
  }

  get mode(): RepoMode {
    return this.#info.mode as RepoMode;
  }

  get collectionId(): string | null {
    return this.#info.collectionId;
  }

  /** Whether this process may write to it. */
  get writable(): boolean {
    return this.#info.writable;
  }

  /** The path of the repository whose objects it also sees (`core.parent`). */
  get parent(): string | null {
    return this.#info.parent;
  }

  /** Reads the config again, after something other than this object changed it. Wraps `ostree_repo_reload_config()`. */
  async reload(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    const { native: repo, lifetime } = this.#inner;
    this.#info = await lifetime.run(options, (call) => native().repoReload(repo, call));
  }

  /**
   * Takes the lock, and resolves once it is held: others of this process wait for it, and other processes.
   * Wraps `ostree_repo_lock_push()`.
   *
   * @param kind - `shared`: nobody may prune; `exclusive`: nobody may write either
   * @throws {OstreeError} `LOCKED` when it is not to be had within `timeout`
   */
  lock(kind: 'shared' | 'exclusive', options: LockOptions = {}): Promise<RepoLock> {
    return lock(this.#inner, kind, options);
  }

  /**
   * Refuses new calls and waits for those that run, or cancels them; aborts the transactions and gives up the locks that
   * were begun on it. Its descriptors are closed by then. Idempotent.
   *
   * @throws {OstreeError} `LOCKED` when a signer or a source of files of a call on this Repo calls it: it would wait for itself
   */
  close(options: CloseOptions = {}): Promise<void> {
    const { native: repo, lifetime } = this.#inner;
    if (this.#native === 'shared') return lifetime.close(options);
    return lifetime.close(options, () => run({}, (call) => native().repoClose(repo, call)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // refs

  /**
   * The commit that a ref, `remote:ref`, unique abbreviation of a checksum or `rev^` names. A whole checksum is its own
   * result, whether there is such a commit or not: see {@link Repo.hasObject}.
   * Wraps `ostree_repo_resolve_rev_ext()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none
   */
  resolveRev(rev: Rev, options: refs.ResolveRevOptions = {}): Promise<Checksum> {
    return refs.resolveRev(this.#inner, rev, options);
  }

  /** Whether a ref or `remote:ref` names a commit. Wraps `ostree_repo_resolve_rev_ext()`. */
  hasRef(refspec: string, options: CallOptions = {}): Promise<boolean> {
    return refs.hasRef(this.#inner, refspec, options);
  }

  /** The refs, sorted by collection or remote, then by name. Wraps `ostree_repo_list_refs_ext()`, `ostree_repo_list_collection_refs()`. */
  listRefs(options: refs.ListRefsOptions = {}): Promise<refs.RefInfo[]> {
    return refs.listRefs(this.#inner, options);
  }

  /**
   * Makes a ref name a commit, or deletes it (null). Wraps `ostree_repo_set_ref_immediate()`, `ostree_repo_set_collection_ref_immediate()`.
   *
   * @throws {OstreeError} `CONFLICT` when it does not name `options.expected` now
   */
  setRef(ref: string, checksum: Checksum | null, options: refs.SetRefOptions = {}): Promise<void> {
    return refs.setRef(this.#inner, ref, checksum, options);
  }

  /**
   * Deletes a ref. Wraps `ostree_repo_set_ref_immediate()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none
   */
  deleteRef(ref: string, options: refs.SetRefOptions = {}): Promise<void> {
    return refs.deleteRef(this.#inner, ref, options);
  }

  /** Makes a ref stand for another one. Wraps `ostree_repo_set_alias_ref_immediate()`. */
  setAlias(ref: string, target: string, options: CallOptions = {}): Promise<void> {
    return refs.setAlias(this.#inner, ref, target, options);
  }

  /**
   * Makes a local ref name a commit that is in the repository, as `ostree reset` does, but also where there is no such
   * ref yet.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such commit here
   */
  resetRef(ref: string, rev: Rev, options: CallOptions = {}): Promise<void> {
    return refs.resetRef(this.#inner, ref, rev, options);
  }

  // commits: writing, transactions

  /**
   * Commits a tree, in a transaction of its own. Files are read, hashed and written on all cores; what the
   * repository has already is not written again. The result is what `ostree commit` makes of the same input.
   *
   * File names and link targets must be UTF-8; devices, pipes and sockets are refused, all before anything is
   * written. A file that changes while it is read is read again; one that does not keep still is FAILED.
   *
   * Commits to one branch run one after another. Wraps `ostree_repo_write_commit()`, with the transaction around it.
   *
   * @throws {OstreeError} `CONFLICT` when the branch was moved by somebody else, `NOT_FOUND` when a source is not
   * there, `NO_SPACE` below the repository's `min-free-space`
   */
  commit(options: CommitOptions): Promise<CommitResult> {
    return commit(this.#inner, options);
  }

  /**
   * Runs a function with a transaction, which is committed when the function returns, and aborted when it throws.
   *
   * @returns what the function returns
   */
  transaction<T>(fn: (txn: Transaction) => T | Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return transaction(this.#inner, fn, options);
  }

  /**
   * Begins a transaction: end it with `commitTransaction()` or `abort()`, or hold it with `await using`, which
   * aborts what was not committed. Wraps `ostree_repo_prepare_transaction()`.
   */
  begin(options: TransactionOptions = {}): Promise<Transaction> {
    return begin(this.#inner, options);
  }

  // checkout

  /**
   * Checks out a commit, or a part of it, into a directory, on all cores. The result is what `ostree checkout` makes,
   * but that no archive's files are kept uncompressed in the repository (`--disable-cache`), and that no symbolic link
   * in the destination is followed.
   *
   * Files are hard links to the repository's own wherever these are as the destination wants them: then nothing may
   * write to them. Each file appears under its name when it is whole. A checkout that fails or is aborted leaves what it
   * has made so far. With `from`, it updates a checkout in place. Wraps `ostree_repo_checkout_at()`.
   *
   * @param destination - the directory to make; its parent must be there
   * @throws {OstreeError} `EXISTS`, `NOT_DIRECTORY`, `IS_DIRECTORY`, `PERMISSION_DENIED`, `NO_SPACE` with the path in the
   * destination; `NOT_FOUND` without the commit, the subpath or, with its checksum, an object; `PARTIAL` when the object
   * is missing because the commit is not here as a whole; `CORRUPT` when one is damaged; `NOT_SUPPORTED` when
   * `requireHardlinks` cannot be had
   */
  checkout(rev: Rev, destination: string, options: CheckoutOptions = {}): Promise<CheckoutResult> {
    return checkout(this.#inner, rev, destination, options);
  }

  /**
   * A commit as a tar archive, byte for byte what `ostree export` writes. It starts when it is first read from, and waits
   * where its consumer does. Aborting the signal destroys it with the signal's reason, closing the Repo with `CLOSED`.
   * Wraps `ostree_repo_export_tree_to_archive()`.
   *
   * @throws {OstreeError} as `'error'`: `NOT_FOUND`, `NOT_DIRECTORY`, `CORRUPT`; `NOT_SUPPORTED` without libarchive
   */
  exportTar(rev: Rev, options: ExportTarOptions = {}): Readable {
    return exportTar(this.#inner, rev, options);
  }

  // fsck, prune

  /**
   * Checks every object that the commits here need: its checksum and structure, on all cores, without stopping at the
   * first fault. It runs beside other work, but not with `delete` or `addTombstones`.
   * Wraps `ostree_repo_fsck_object()`, and does what `ostree fsck` does around it.
   *
   * A damaged repository is a result, not an error: look at `verdict`.
   */
  fsck(options: FsckOptions = {}): Promise<FsckReport> {
    return fsck(this.#inner, options);
  }

  /**
   * Deletes the objects that no commit that is kept needs, and static deltas to commits that are gone; by the rules of
   * `ostree prune`. It needs the repository for itself while it deletes. Trees are read before that; refs, commits and
   * whatever is new are read again then.
   * Wraps `ostree_repo_prune_from_reachable()`.
   *
   * @throws {OstreeError} `LOCKED` when others do not give the repository up, or inside a transaction of one's own;
   * `NOT_FOUND` or `CORRUPT`, before anything is deleted, when a directory of a commit is missing or damaged;
   * `CONFLICT` when a ref names `deleteCommit`
   */
  prune(options: PruneOptions = {}): Promise<PruneResult> {
    return prune(this.#inner, options);
  }

  /**
   * Applies a retention policy: of each branch it keeps what the policy says, and deletes all other commits, the objects
   * that they alone needed, and static deltas that nobody will ask for any more. What no ref names is not kept. Refs,
   * rules and commits are looked at again under the lock, so that nothing is lost that was written meanwhile. A summary
   * that lists deltas is to be regenerated afterwards.
   * Wraps `ostree_repo_prune_from_reachable()`.
   *
   * @throws {OstreeError} as {@link Repo.prune}
   */
  retain(options: RetainOptions): Promise<RetainResult> {
    return retain(this.#inner, options);
  }

  // summary, signatures

  /**
   * Adds a signature to a commit, in its detached metadata. Commits signed side by side keep both signatures.
   *
   * gpg may ask for a passphrase meanwhile, and other changes to this repository wait for it; a call aborted then
   * rejects at once, though gpg may still sign. Its agent stays, as it does after gpg itself.
   * Wraps `ostree_repo_sign_commit()`; other signers write what `ostree_sign_commit()` would.
   *
   * @throws {OstreeError} `EXISTS` when this key has signed it already, `NOT_FOUND` without the commit, gpg's home, or
   * a key there whose secret part is known; `CORRUPT` when the commit or its detached metadata is damaged
   */
  sign(commit: Rev, signer: Signer, options: CallOptions = {}): Promise<void> {
    return sign(this.#inner, commit, signer, options);
  }

  /**
   * Whether a commit has a signature that counts, and which signatures it has.
   * Wraps `ostree_repo_gpg_verify_data()`, as `ostree_repo_verify_commit_for_remote()` does.
   *
   * @param options - whom to trust: `remote` or `keys`
   * @throws {OstreeError} `SIGNATURE`, with all the reasons, when there is none; `NOT_FOUND` without the commit
   */
  verify(commit: Rev, options: VerifyOptions): Promise<VerifyResult> {
    return verify(this.#inner, commit, options);
  }

  /** Removes signatures from a commit, all of them unless options say which. The result is how many there were. */
  removeSignatures(commit: Rev, options: RemoveSignaturesOptions = {}): Promise<number> {
    return removeSignatures(this.#inner, commit, options);
  }

  /**
   * Replaces the detached metadata of a commit as a whole, the signatures in it too; null empties it.
   * Wraps `ostree_repo_write_commit_detached_metadata()`.
   *
   * @throws {OstreeError} `NOT_FOUND` without the commit
   */
  setDetachedMetadata(commit: Rev, metadata: MetadataInput | null, options: CallOptions = {}): Promise<void> {
    return setDetachedMetadata(this.#inner, commit, metadata, options);
  }
}
