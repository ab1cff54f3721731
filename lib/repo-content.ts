// The part of Repo that reads: commits, trees, files, objects.
import type { Readable } from 'node:stream';

import type { CallOptions } from './call.js';
import { checkoutComposefs, type CheckoutComposefsOptions, type ComposefsImage } from './composefs.js';
import * as commits from './commit-read.js';
import { diff, type Diff, type DiffOptions, type DiffSource } from './diff.js';
import type { ObjectName } from './errors.js';
import * as objects from './objects.js';
import { innerOf } from './repo-inner.js';
import { createReadStream, type ReadStreamOptions } from './stream.js';
import * as tree from './tree.js';
import type { Rev } from './types.js';

/** What is in a repository, without checkout: see {@link Repo}, which it is a part of. */
export abstract class RepoContent {
  // commits: reading, log, diff

  /**
   * What a commit says of itself. Wraps `ostree_repo_load_commit()`, `ostree_repo_read_commit_detached_metadata()`
   * and `ostree_commit_get_object_sizes()`.
   *
   * @throws {OstreeError} `NOT_FOUND`; `CORRUPT` when the object is damaged
   */
  readCommit(rev: Rev, options: commits.ReadCommitOptions = {}): Promise<commits.Commit> {
    return commits.readCommit(innerOf(this), rev, options);
  }

  /**
   * A commit, its parent, and so on, as `ostree log`. It ends without an error where the history that was pulled
   * ends. Wraps `ostree_repo_load_commit()`.
   *
   * @throws {OstreeError} `NOT_FOUND` for the first commit, `CORRUPT` for any, on `next()`
   */
  log(rev: Rev, options: commits.LogOptions = {}): AsyncIterableIterator<commits.Commit> {
    return commits.log(innerOf(this), rev, options);
  }

  /**
   * What is different between two commits, or a commit and a directory of this machine, or two directories: the
   * paths that `ostree diff` prints, each with what changed. Files are read and hashed on all cores.
   * Wraps `ostree_diff_dirs_with_options()`, and `ostree_repo_traverse_commit()` for `stats`.
   *
   * @throws {OstreeError} `NOT_FOUND`, `NOT_DIRECTORY`, `PERMISSION_DENIED`; `CORRUPT` when an object that had to be
   * read is damaged; `FAILED` when a file kept changing
   */
  diff(from: DiffSource, to: DiffSource, options: DiffOptions = {}): Promise<Diff> {
    return diff(innerOf(this), from, to, options);
  }

  // composefs

  /**
   * Makes the image that a commit is mounted by with composefs: names, owners, modes and attributes of all files, and
   * which object of a bare repository (`aa/bb….file`) has their content. It is what `ostree checkout --composefs` makes,
   * bit for bit. It appears under its name when it is whole, in place of a file that was there; after an abort, or a
   * failure, all is as before. As libostree does not heed an abort, its thread may go on for a while.
   *
   * Wraps `ostree_repo_checkout_composefs()`.
   *
   * @param destination - the file to make; its directory must be there
   * @throws {OstreeError} `NOT_SUPPORTED` before libostree 2024.7 and where it was built without composefs:
   * `features.composefs`; `NOT_FOUND`, `IS_DIRECTORY`, `NOT_DIRECTORY`, `PERMISSION_DENIED`, `NO_SPACE` with the
   * destination's path; `NOT_FOUND` without the commit or, with its checksum, an object; `PARTIAL` when the object is
   * missing because the commit is not here as a whole; `CORRUPT` when one is damaged, or the image is not what the
   * commit says; `TOO_LARGE` above 10,000,000 paths
   */
  checkoutComposefs(
    rev: Rev,
    destination: string,
    options: CheckoutComposefsOptions = {},
  ): Promise<ComposefsImage> {
    return checkoutComposefs(innerOf(this), rev, destination, options);
  }

  // trees and files
  //
  // A path leads from the root of the commit, whether it begins with a slash or not. Symlinks on the way are
  // followed inside the tree, 40 at most, and never out of it.

  /**
   * What is at a path; a symlink at its end is followed. Wraps `ostree_repo_load_file()`.
   *
   * @throws {OstreeError} `NOT_FOUND`, `NOT_DIRECTORY`; with a checksum, an object of the repository is missing
   */
  stat(rev: Rev, path: string, options: CallOptions = {}): Promise<tree.Entry> {
    return tree.stat(innerOf(this), rev, path, true, options);
  }

  /** What is at a path; a symlink at its end is what it tells of. Wraps `ostree_repo_load_file()`. */
  lstat(rev: Rev, path: string, options: CallOptions = {}): Promise<tree.Entry> {
    return tree.stat(innerOf(this), rev, path, false, options);
  }

  /**
   * What is in a directory: files and symlinks, then directories, each sorted by the bytes of their names.
   * Wraps `ostree_repo_load_file()`.
   *
   * @throws {OstreeError} `NOT_FOUND`, `NOT_DIRECTORY`
   */
  readdir(rev: Rev, path: string, options: CallOptions = {}): Promise<tree.Entry[]> {
    return tree.readdir(innerOf(this), rev, path, options);
  }

  /**
   * What is at a path, and all that is below it, in the order of `ostree ls -R`: each directory before what is in
   * it, and in it the files before the directories. A prune may run in the midst of it. Wraps `ostree_repo_load_file()`.
   */
  walk(rev: Rev, path = '/', options: CallOptions = {}): AsyncIterableIterator<tree.Entry> {
    return tree.walk(innerOf(this), rev, path, options);
  }

  /**
   * The target of a symlink; a byte of it that is not UTF-8 reads `\\xff`. Wraps `ostree_repo_load_file()`.
   *
   * @throws {OstreeError} `INVALID_ARGUMENT` when there is something else
   */
  readlink(rev: Rev, path: string, options: CallOptions = {}): Promise<string> {
    return tree.readlink(innerOf(this), rev, path, options);
  }

  /** The extended attributes of what is at a path, by name. Wraps `ostree_repo_load_file()`. */
  xattrs(rev: Rev, path: string, options: tree.XattrsOptions = {}): Promise<Record<string, Buffer>> {
    return tree.xattrs(innerOf(this), rev, path, options);
  }

  /**
   * The content of a file, as `ostree cat`. Wraps `ostree_repo_load_file()`, and like it does not compare the
   * content with its checksum: that is what fsck is for.
   *
   * @throws {OstreeError} `NOT_FOUND`, `NOT_DIRECTORY`, `IS_DIRECTORY`, `TOO_LARGE` when it exceeds `maxSize`
   */
  readFile(rev: Rev, path: string, options?: tree.ReadFileOptions & { encoding?: null }): Promise<Buffer>;
  readFile(rev: Rev, path: string, options: BufferEncoding | tree.ReadStringOptions): Promise<string>;
  readFile(
    rev: Rev,
    path: string,
    options: BufferEncoding | tree.ReadFileOptions = {},
  ): Promise<Buffer | string> {
    return tree.readFile(innerOf(this), rev, path, options);
  }

  /**
   * The content of a file, or a part of it, as a stream. It is opened when it is first read from. In an archive
   * repository what lies before `start` has to be inflated. Aborting the signal destroys it with the signal's
   * reason, closing the Repo with `CLOSED`. Wraps `ostree_repo_load_file()`.
   */
  createReadStream(rev: Rev, path: string, options: ReadStreamOptions = {}): Readable {
    return createReadStream(innerOf(this), rev, path, options);
  }

  // objects

  /**
   * The objects of the repository and its parent, of every type, sorted by checksum; not those that a transaction has
   * yet to commit. Wraps what `ostree_repo_list_objects()` does.
   */
  objects(options: CallOptions = {}): AsyncIterableIterator<ObjectName> {
    return objects.objects(innerOf(this), options);
  }

  /**
   * The objects that a commit consists of, and with `depth` those of its ancestors: each once, in no order. They are
   * found on all cores, before the first is delivered. What a partial commit lacks is among them, as far as it is
   * known. Wraps what `ostree_repo_traverse_commit()` does.
   *
   * @throws {OstreeError} on `next()`: `NOT_FOUND` when the commit, or a directory of one that is not partial, is
   * missing; `CORRUPT` when a commit or directory is damaged
   */
  reachable(rev: Rev, options: objects.ReachableOptions = {}): AsyncIterableIterator<ObjectName> {
    return objects.reachable(innerOf(this), rev, options);
  }

  /** Whether an object is here, or in the parent repository. Wraps `ostree_repo_has_object()`. */
  hasObject(name: ObjectName, options: CallOptions = {}): Promise<boolean> {
    return objects.hasObject(innerOf(this), name, options);
  }

  /**
   * Reads an object, and compares it with its checksum: of a file the content and all that a tree says of it, of
   * metadata the stored bytes and what they mean. Wraps `ostree_repo_load_file()` and `ostree_repo_load_variant()`.
   *
   * @throws {OstreeError} `NOT_FOUND`, `CORRUPT`, `TOO_LARGE` when a file exceeds `maxSize`
   */
  readObject(name: ObjectName, options: objects.ReadObjectOptions = {}): Promise<objects.StoredObject> {
    return objects.readObject(innerOf(this), name, options);
  }

  /**
   * Bytes that an object takes up: of a file in an archive repository compressed, with its header.
   * Wraps `ostree_repo_query_object_storage_size()`.
   *
   * @throws {OstreeError} `NOT_FOUND`
   */
  objectSize(name: ObjectName, options: CallOptions = {}): Promise<number> {
    return objects.objectSize(innerOf(this), name, options);
  }

  /**
   * Deletes an object; with a commit its detached metadata, and it leaves a tombstone where `core.tombstone-commits`
   * is set. Nobody asks whether anything needs it: that is what prune is for. It needs the repository for itself.
   * Wraps `ostree_repo_delete_object()`.
   *
   * @throws {OstreeError} `NOT_FOUND`, also of what only the parent repository has; `LOCKED`
   */
  deleteObject(name: ObjectName, options: CallOptions = {}): Promise<void> {
    return objects.deleteObject(innerOf(this), name, options);
  }

  /**
   * Marks a commit as one whose objects are not all here, or takes the mark away. A commit that is marked already
   * keeps its reason. Wraps `ostree_repo_mark_commit_partial_reason()`.
   *
   * @param reason - `pull` or `partial`: they are yet to be pulled; `fsck` or `fsck-partial`: they were lost
   * @throws {OstreeError} `NOT_FOUND` without the commit
   */
  markPartial(
    commit: Rev,
    partial: boolean,
    reason: objects.PartialReason = 'pull',
    options: CallOptions = {},
  ): Promise<void> {
    return objects.markPartial(innerOf(this), commit, partial, reason, options);
  }
}
