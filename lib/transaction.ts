// Transactions that last over several calls.
import type { CommitResult, CommitStats, RefTarget, TransactionHandle } from '../typings/addon.js';
import { onAbort } from './abort.js';
import { type CallOptions, run, stepsUnder } from './call.js';
import {
  type Names,
  checkBoolean,
  checkChecksum,
  checkCollectionId,
  checkFunction,
  checkMade,
  checkOptions,
  checkSignal,
  valueError,
} from './check.js';
import { takesFiles, withFiles } from './commit-files.js';
import type { Commit, ReadCommitOptions } from './commit-read.js';
import { type CommitOptions, type MetadataInput, signNew } from './commit.js';
import { commitSigners, commitSpec, snapshot } from './commit-spec.js';
import type { ObjectName } from './errors.js';
import { whileFeeding } from './feed.js';
import type { FileContent } from './file-set.js';
import { whileHolding } from './holding.js';
import { Lifetime } from './lifetime.js';
import { native } from './native.js';
import {
  checkExpected,
  checkPlace,
  type RefPlace,
  type ResolveRevOptions,
  type SetRefOptions,
} from './refs.js';
import { Repo } from './repo.js';
import { innerOf, type RepoInner } from './repo-inner.js';
import { shown } from './show.js';
import type { Signer } from './sign.js';
import { whileAnswering } from './skip-questions.js';
import { readFile, type ReadFileOptions, type ReadStringOptions } from './tree.js';
import * as write from './transaction-write.js';
import { inTurn } from './turns.js';
import type { Checksum, Rev } from './types.js';

export type { CommitStats };

export interface TransactionOptions extends CallOptions {
  /** false: do not flush to disk at the end. Unless given: as the repository was opened. */
  fsync?: boolean | undefined;
}

/** As for {@link Repo.commit}, but without what belongs to the transaction as a whole. */
export type TransactionCommitOptions = Omit<CommitOptions, 'branch' | 'fsync'> & {
  /** true: flush to disk at the end of the transaction, even if that was begun without. false has no effect on others. */
  fsync?: boolean | undefined;
};

const COLLECTION_REF: Names<Omit<SetRefOptions, keyof RefPlace> & CallOptions> = {
  signal: true,
  expected: true,
};

const NO_STATS: CommitStats = {
  contentObjects: 0,
  contentWritten: 0,
  bytesWritten: 0,
  metadataWritten: 0,
  cacheHits: 0,
};

/**
 * Several writes that become visible together: objects at the end of the transaction, and refs only then.
 *
 * A transaction is a queue: what writes runs one at a time, in order, and so waits for a stream that an earlier call
 * reads. What such a stream or a signer calls itself is a part of the call that reads it. Once the transaction was
 * committed or aborted its calls are CLOSED.
 */
export class Transaction implements AsyncDisposable {
  /** The repository as the transaction sees it, with its own objects. Closed together with it. */
  readonly repo: Repo;
  readonly #native: TransactionHandle;
  readonly #lifetime: Lifetime;
  readonly #owner: RepoInner;
  readonly #forget: () => void;
  #stats = NO_STATS;
  /** How many calls take what JavaScript makes: it may be long in coming, or never come. */
  #taking = 0;

  static {
    shown(this, (txn) =>
      #lifetime in txn ? { repo: txn.repo.path, stats: txn.stats, closed: txn.#lifetime.closed } : undefined,
    );
  }

  /** @internal Use {@link Repo.begin} or {@link Repo.transaction}. */
  constructor(transaction: TransactionHandle, view: Repo, owner: RepoInner) {
    checkMade(view, 'path', 'Transaction', 'repo.begin() or repo.transaction()');
    this.repo = view;
    this.#owner = owner;
    this.#native = transaction;
    this.#lifetime = new Lifetime(`The transaction on ${view.path}`);
    this.#lifetime.watch(this);
    // What runs on the view runs inside the transaction; the end closes the view itself, in its order.
    this.#lifetime.adopt(innerOf(view).lifetime, () => Promise.resolve());
    this.#forget = owner.lifetime.adopt(this.#lifetime, () => this.abort());
  }

  /** What was written so far. */
  get stats(): CommitStats {
    return this.#stats;
  }

  /**
   * Writes a commit. No ref names it: see {@link Transaction.setRef}. Its parent is null unless given.
   * Wraps `ostree_repo_write_commit()`; {@link Repo.commit} tells the rest.
   */
  async commit(given: TransactionCommitOptions): Promise<CommitResult> {
    const options = snapshot(given);
    const spec = commitSpec(this.#owner, options);
    const signers = commitSigners(options);
    if (spec.branch !== undefined)
      throw valueError('options.branch', 'is not for a commit within a transaction: see setRef()');
    const taking = takesFiles(options);
    const { metadata, detachedMetadata } = options;
    const perform = (how: CallOptions) =>
      this.#queued({ options: how, taking }, async (_step, signal) => {
        const result = await withFiles(innerOf(this.repo), options, spec, signal, (filled) =>
          run({ ...options, signal }, (call) =>
            native().transactionWriteCommit(this.#native, filled, metadata, detachedMetadata, call),
          ),
        );
        this.#stats = sum(this.#stats, result.stats);
        if (!result.changed) return result;
        await signNew(innerOf(this.repo), result.checksum, signers, signal);
        return result;
      });
    return await whileFeeding(spec, options, (fed) => whileAnswering(spec, options.skip, fed, perform));
  }

  /** As {@link Repo.sign}, for the transaction's own commits too: the signature is there with the commit. */
  async sign(commit: Rev, signer: Signer, options: CallOptions = {}): Promise<void> {
    await this.repo.sign(commit, signer, options);
  }

  /** As {@link Repo.setDetachedMetadata}, for the transaction's own commits too. */
  async setDetachedMetadata(
    commit: Rev,
    metadata: MetadataInput | null,
    options: CallOptions = {},
  ): Promise<void> {
    await this.repo.setDetachedMetadata(commit, metadata, options);
  }

  /**
   * Makes a ref name a commit, or with null nothing, once the transaction is committed. With `expected`, it is
   * compared now and again then; of what has changed meanwhile, {@link Transaction.commitTransaction} says CONFLICT.
   * Wraps `ostree_repo_transaction_set_refspec()` and `ostree_repo_transaction_set_collection_ref()`.
   *
   * @throws {OstreeError} `CONFLICT` when the ref is not what `expected` says
   */
  async setRef(ref: string, checksum: Checksum | null, options: SetRefOptions = {}): Promise<void> {
    const place = checkPlace(ref, options);
    if (checksum !== null) checkChecksum(checksum, 'checksum');
    checkExpected(options.expected);
    await this.#setRef({ ...place, checksum, expected: options.expected }, options);
  }

  /** {@link Transaction.setRef} for a ref of a collection. */
  async setCollectionRef(
    collectionId: string,
    ref: string,
    checksum: Checksum | null,
    options: Omit<SetRefOptions, keyof RefPlace> & CallOptions = {},
  ): Promise<void> {
    checkCollectionId(collectionId);
    checkOptions(options, COLLECTION_REF);
    await this.setRef(ref, checksum, { ...options, collectionId });
  }

  /**
   * Deletes a ref once the transaction is committed.
   *
   * @throws {OstreeError} `NOT_FOUND` when it is not there
   */
  async deleteRef(ref: string, options: SetRefOptions = {}): Promise<void> {
    const place = checkPlace(ref, options);
    checkExpected(options.expected);
    await this.#setRef({ ...place, checksum: null, expected: options.expected, mustExist: true }, options);
  }

  async #setRef(target: RefTarget, options: CallOptions): Promise<void> {
    await this.#queued({ options }, (step) =>
      step((call) => native().transactionSetRef(this.#native, target, call)),
    );
  }

  /**
   * Writes a content object of a regular file, from memory or from a stream; it is written only if it is not there
   * yet. In a bare-user-only repository it belongs to root, its mode is within 0755, and it has no extended attributes.
   * Wraps `ostree_repo_write_content()`.
   *
   * @returns its checksum
   */
  async writeFile(content: FileContent, options: write.WriteFileOptions = {}): Promise<Checksum> {
    return await write.writeFile(this.#inner(), content, options);
  }

  /** Writes the content object of a symlink. Wraps `ostree_repo_write_content()`, as `ostree_repo_write_symlink()` does. */
  async writeSymlink(target: string, options: write.WriteSymlinkOptions = {}): Promise<Checksum> {
    return await write.writeSymlink(this.#inner(), target, options);
  }

  /** Writes the dirmeta object of a directory: its mode, owner and extended attributes. Wraps `ostree_repo_write_metadata()`. */
  async writeDirMeta(options: write.WriteFileOptions = {}): Promise<Checksum> {
    return await write.writeDirMeta(this.#inner(), options);
  }

  /**
   * Writes the dirtree object of a directory, and of those in it that are given by their entries. With a dirmeta it
   * can be committed: `tree: { contents, metadata }`. Wraps `ostree_repo_write_metadata()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when an object that it names is not here
   */
  async writeTree(entries: write.TreeEntries, options: CallOptions = {}): Promise<Checksum> {
    return await write.writeTree(this.#inner(), entries, options);
  }

  /**
   * Copies objects from another repository, and verifies their checksums: files, dirtrees, dirmetas, and commits with
   * their detached metadata. Nothing that they refer to comes along; `source.reachable(rev)` names all of a commit.
   * Wraps `ostree_repo_import_object_from_with_trust()`.
   *
   * @returns how many of them were not here yet
   * @throws {OstreeError} `NOT_FOUND`, `CORRUPT`; `INVALID_ARGUMENT` for a file that a bare-user-only repository
   * cannot keep
   */
  async importFrom(
    source: Repo,
    names: Iterable<ObjectName> | AsyncIterable<ObjectName>,
    options: write.ImportOptions = {},
  ): Promise<number> {
    return await write.importFrom(this.#inner(), innerOf(source, 'source'), names, options);
  }

  /** As {@link Repo.hasObject}, of the transaction's own objects too. */
  async hasObject(name: ObjectName, options: CallOptions = {}): Promise<boolean> {
    return await this.repo.hasObject(name, options);
  }

  /** As {@link Repo.resolveRev}. The refs set in this transaction are not there yet. */
  async resolveRev(rev: Rev, options: ResolveRevOptions = {}): Promise<Checksum> {
    return await this.repo.resolveRev(rev, options);
  }

  /** As {@link Repo.readCommit}, of the transaction's own commits too. */
  async readCommit(rev: Rev, options: ReadCommitOptions = {}): Promise<Commit> {
    return await this.repo.readCommit(rev, options);
  }

  /** As {@link Repo.readFile}, of the transaction's own commits too. */
  readFile(rev: Rev, path: string, options?: ReadFileOptions & { encoding?: null }): Promise<Buffer>;
  readFile(rev: Rev, path: string, options: BufferEncoding | ReadStringOptions): Promise<string>;
  async readFile(
    rev: Rev,
    path: string,
    options: BufferEncoding | ReadFileOptions = {},
  ): Promise<Buffer | string> {
    return await readFile(innerOf(this.repo), rev, path, options);
  }

  /**
   * Ends the transaction: all its objects and refs are there. When it rejects, it was aborted, and no ref has moved.
   * It can be cancelled only until the objects begin to move; what it waits for until then is cancelled with it.
   * Wraps `ostree_repo_commit_transaction()`.
   *
   * @throws {OstreeError} `CONFLICT` when a ref is no longer what was expected of it
   */
  async commitTransaction(options: CallOptions = {}): Promise<CommitStats> {
    checkOptions(options);
    checkSignal(options.signal);
    this.#lifetime.check();
    let failed: { error: unknown } | undefined;
    const { signal } = options;
    const giveUp = () => this.#lifetime.cancel();
    if (signal?.aborted) giveUp();
    const forget = signal && onAbort(signal, giveUp);
    try {
      await this.#end(async () => {
        try {
          this.#stats = await run(options, (call) => native().transactionCommit(this.#native, call));
        } catch (error) {
          failed = { error }; // this caller's, not that of whoever disposes of the transaction
        }
      });
    } finally {
      forget?.();
    }
    if (failed) throw failed.error;
    return this.#stats;
  }

  /**
   * Ends the transaction without effect, after what still runs; what waits for a stream is cancelled. Idempotent.
   * Wraps `ostree_repo_abort_transaction()`.
   */
  async abort(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    checkSignal(options.signal);
    options.signal?.throwIfAborted();
    if (this.#taking > 0) this.#lifetime.cancel();
    await this.#end(() => Promise.resolve(), options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  #inner(): write.TransactionInner {
    return {
      native: this.#native,
      view: innerOf(this.repo),
      queued: (how, work) => this.#queued(how, work),
      wrote: ({ stats }) => {
        this.#stats = sum(this.#stats, stats);
      },
    };
  }

  /** In its turn, and counted among what the end waits for. */
  async #queued<T>({ options, taking = false }: write.Queued, work: write.Work<T>): Promise<T> {
    if (taking) this.#taking++;
    try {
      return await this.#lifetime.sequence(options, (signal) =>
        inTurn(this, signal, () => work(stepsUnder(signal), signal)),
      );
    } finally {
      if (taking) this.#taking--;
    }
  }

  async #end(finish: () => Promise<void>, options: CallOptions = {}): Promise<void> {
    await this.#lifetime.close(options, async () => {
      try {
        await this.repo.close();
        await finish();
      } finally {
        // Ends what has not ended, and closes the view.
        await run({}, (call) => native().transactionAbort(this.#native, call));
        this.#forget();
      }
    });
  }
}

function sum(a: CommitStats, b: CommitStats): CommitStats {
  return {
    contentObjects: a.contentObjects + b.contentObjects,
    contentWritten: a.contentWritten + b.contentWritten,
    bytesWritten: a.bytesWritten + b.bytesWritten,
    metadataWritten: a.metadataWritten + b.metadataWritten,
    cacheHits: a.cacheHits + b.cacheHits,
  };
}

const OPTIONS: Names<TransactionOptions> = { signal: true, fsync: true };

export async function begin(repo: RepoInner, options: TransactionOptions): Promise<Transaction> {
  checkOptions(options, OPTIONS);
  const { fsync } = options;
  if (fsync !== undefined) checkBoolean(fsync, 'options.fsync');
  return await repo.lifetime.sequence(options, async (signal) => {
    const begun = await run({ signal }, (call) => native().transactionBegin(repo.native, fsync, call));
    return new Transaction(begun.transaction, new Repo(begun.repo, undefined, 'shared'), repo);
  });
}

export async function transaction<T>(
  repo: RepoInner,
  body: (txn: Transaction) => T | Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  checkFunction(body, 'fn');
  const txn = await begin(repo, options);
  try {
    const result = await whileHolding(repo, 'a transaction', () => body(txn));
    await txn.commitTransaction({ signal: options.signal });
    return result;
  } finally {
    await txn.abort();
  }
}
