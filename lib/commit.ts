// Writing commits: repo.commit() and its options.
import type { Readable } from 'node:stream';

import type { CommitProgress, CommitResult, CommitSpec } from '../typings/addon.js';
import { type ProgressOptions, run, stepsUnder } from './call.js';
import { withFiles } from './commit-files.js';
import { commitSigners, commitSpec, snapshot } from './commit-spec.js';
import type { DevInoCache } from './devino.js';
import { OstreeError } from './errors.js';
import { whileFeeding } from './feed.js';
import type { FileContent, FileMetadata } from './file-set.js';
import { whileHolding } from './holding.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { SelinuxOptions } from './selinux.js';
import { signCommit, type Signer } from './sign.js';
import { type SkipPredicate, whileAnswering } from './skip-questions.js';
import { inTurn } from './turns.js';
import type { Checksum, Rev } from './types.js';
import type { Variant } from './variant.js';

export type { CommitProgress, CommitResult };

/** One file, symbolic link or directory that exists only in memory. */
export type FileEntry = FileMetadata & {
  /** In the tree, or below the prefix. Directories on the way that nothing else gives belong to root, mode 0755. */
  path: string;
} & (
    | { type?: 'file' | undefined; content: FileContent }
    | { type: 'symlink'; target: string }
    | { type: 'directory' }
  );

/**
 * Where a tree, or a part of it, comes from: a directory of this machine (a string is the same as `{ dir }`), a
 * commit of the repository or a directory in it, or a tar archive. An archive's absolute paths begin at the root of the
 * tree; one with `..` in a path, with devices, or with hard links to what is not in the tree is refused.
 *
 * `prefix` is where in the new tree it goes. Parents that no source has are made with mode 0755, owned by root or
 * by `owner`.
 *
 * Files that exist only in memory come from an iterable, which is asked for the next one only when the last was taken;
 * their content may be a stream. It lies on the disk of the repository until the commit is made. `contents` and
 * `metadata` are a directory that the repository has already, by its dirtree and its dirmeta object.
 */
export type TreeSource =
  | string
  | ((
      | { dir: string }
      | { ref: Rev; subpath?: string | undefined }
      | { contents: Checksum; metadata: Checksum }
      | {
          /** The path of an archive, or the archive itself; gzip, xz, zstd and the like are undone. */
          tar: string | Readable | Uint8Array;
          /** Make directories that the archive does not have, as `ostree commit --tar-autocreate-parents`. */
          autocreateParents?: boolean | undefined;
          /** It is a layer of a container image: its `.wh.` files take away what the sources before it gave. */
          whiteouts?: boolean | undefined;
        }
      | { files: Iterable<FileEntry> | AsyncIterable<FileEntry> }
    ) & { prefix?: string | undefined });

/** Metadata to write: plain values, or a {@link Variant} where the exact type matters. */
export type MetadataInput = Record<string, unknown> | Variant;

export interface CommitOptions extends ProgressOptions<CommitProgress> {
  /**
   * What to commit. A list overlays from left to right: later files win, and so does later metadata of a directory.
   * A file never replaces a directory, nor the reverse: IS_DIRECTORY, NOT_DIRECTORY.
   */
  tree: TreeSource | readonly TreeSource[];
  /** The branch to move. It moves only if its head is still the parent that the commit was built on, else CONFLICT. */
  branch?: string | undefined;
  /** The parent commit, null for none. Unless given: the head of the branch. */
  parent?: Checksum | null | undefined;
  /** A commit that the tree starts from, as `ostree commit --base`. No option below changes what comes from it. */
  base?: Rev | undefined;

  subject?: string | undefined;
  body?: string | undefined;
  /** Whole seconds count. Unless given: now, or `$SOURCE_DATE_EPOCH`. */
  timestamp?: Date | undefined;
  /** The metadata key `version`, which deployments show. */
  version?: string | undefined;
  metadata?: MetadataInput | undefined;
  /** Metadata beside the commit, which its checksum does not cover. */
  detachedMetadata?: MetadataInput | undefined;
  /** Refs, beside the branch, that the commit says it belongs to. */
  bindRefs?: readonly string[] | undefined;
  /** false: the commit does not say which refs and collection it belongs to. */
  bindings?: boolean | undefined;
  /** Write what marks a bootable tree; it needs exactly one kernel in /usr/lib/modules. */
  bootable?: boolean | undefined;

  /** The owner of everything, instead of who owns it on disk or in a commit of `tree`. */
  owner?: { uid?: number | undefined; gid?: number | undefined } | undefined;
  /** As bare-user-only repositories have it: owned by root, modes within 0755, no extended attributes. */
  canonicalPermissions?: boolean | undefined;
  /** Nobody may write to executable files. */
  modeRoExecutables?: boolean | undefined;
  /** false: without extended attributes. */
  xattrs?: boolean | undefined;
  /**
   * What to leave out, of every source: paths in the new tree, and globs with `*`, `?` and `**`, which without a leading
   * `/` match at any depth. A path that no source has is NOT_FOUND.
   *
   * A function says of each path whether to leave it out, and all below it. It is called while the sources are looked
   * through, for the files of a directory one after the other; what it throws, the commit rejects with.
   */
  skip?: readonly (string | { glob: string })[] | SkipPredicate | undefined;
  /**
   * Permissions to add or to set, by path in the new tree, in every source. A path that no source has is NOT_FOUND.
   *
   * `ostree commit --statoverride` forgets what it should add to a directory; here it is added.
   */
  statOverride?: Record<string, { add?: number | undefined; set?: number | undefined }> | undefined;
  /**
   * Labels everything that comes from the sources, as `ostree commit --selinux-policy` and `--selinux-policy-from-base`: by
   * its path in the new tree and its type, in the place of any label it has, also without extended attributes
   * otherwise. What comes from `base` keeps what it has, and so does what the policy says nothing of. A system without
   * a policy, or with one that is switched off, labels nothing. The kernel need not know SELinux; the policy must be one
   * that is trusted, for libselinux reads it. A string is `{ policy }`, true `{ fromBase: true }`.
   *
   * NOT_SUPPORTED where libostree was built without SELinux, and where the repository has nowhere to keep labels:
   * bare-user-only, or bare with `core.disable-xattrs`. There, the command writes files that its fsck finds corrupt. So
   * it does in bare repositories with files that have attributes after `security.selinux` in the alphabet, before
   * libostree 2025.2; here they are in order. A label that an archive has is replaced; the command writes both.
   */
  selinux?: SelinuxOptions | boolean | string | undefined;

  /**
   * Signs the commit before the branch moves, in the same transaction: nobody sees the branch at an unsigned commit,
   * and a signer that fails leaves it where it was. Signers sign one after another.
   */
  sign?: Signer | readonly Signer[] | undefined;
  /** Write no commit when the tree is that of the parent; then `changed` is false. */
  skipIfUnchanged?: boolean | undefined;
  /**
   * Do not read files that are as they were at the last commit with this cache: same path, device, inode, size, mode,
   * owner, mtime and ctime, to the nanosecond, and last changed before that commit began. As safe as git's index, and
   * as blind to what is written through a memory mapping, or by a call that began earlier, once it has its time.
   *
   * true: the cache is in the repository, in `tmp/cache/commit`, a file for each set of directories and options, of
   * which some are kept. A path: it is this file. One that is damaged, or of other options, is made anew; one that
   * cannot be written is none. Overlays, FUSE and file systems of other machines are read always.
   * `stats.cacheHits` counts what was not read.
   */
  cache?: boolean | string | undefined;
  /**
   * Write into the commit how large each of its objects is, as `ostree commit --generate-sizes`: `readCommit()` shows it
   * as `sizes`. As there, without effect unless the repository is an archive. Of several sources the command lists
   * only what the last one wrote; here it is every object of the tree.
   */
  generateSizes?: boolean | undefined;
  /**
   * Write into the commit the digest of its composefs image, as `ostree commit --generate-composefs-metadata`:
   * `ostree.composefs.digest.v0`, the fs-verity digest of what `checkoutComposefs()` makes, which is compared with it
   * there. All content of the tree is read, in one thread, and an abort meanwhile takes effect only after that.
   * NOT_SUPPORTED, before anything is written, before libostree 2023.4 and where it was built without composefs:
   * `features.composefs`. Wraps `ostree_repo_commit_add_composefs_metadata()`.
   */
  composefs?: boolean | undefined;
  /**
   * Remove what came from directories of this machine, and the directories, once the commit is made, as
   * `ostree commit --consume`. What `skip` leaves out goes, too. What has come or changed since it was looked at stays:
   * `stats.leftBehind`. In a {@link Transaction}, it is removed when that is committed.
   */
  consume?: boolean | undefined;
  /**
   * What `checkout({ devinoCache })` linked: a file in a directory of `tree` that still is such a link is not read, and
   * has the owner, mode and attributes of its object. `stats.cacheHits` counts them. true: what this Repo remembers of
   * checkouts with `devinoCache: true`.
   */
  devinoCache?: boolean | DevInoCache | undefined;
  /** How many files to work on at a time. Unless given: as the machine has processors. */
  concurrency?: number | undefined;
  /** false: do not flush to disk. Unless given: as the repository was opened. */
  fsync?: boolean | undefined;
}

export async function commit(repo: RepoInner, given: CommitOptions): Promise<CommitResult> {
  const options = snapshot(given);
  const spec = commitSpec(repo, options);
  const signers = commitSigners(options);
  return await whileFeeding(spec, options, (fed) =>
    whileAnswering(spec, options.skip, fed, (how) => written(repo, spec, how, signers)),
  );
}

async function written(
  repo: RepoInner,
  spec: CommitSpec,
  options: CommitOptions,
  signers: readonly Signer[],
): Promise<CommitResult> {
  return await repo.lifetime.sequence(options, (signal) =>
    // Before its turn: files may be long in coming, and their source may commit, too.
    withFiles(repo, options, spec, signal, (filled) => {
      const work = () =>
        signers.length === 0
          ? plain(repo, filled, options, signal)
          : signed(repo, filled, options, signers, signal);
      // The addon has a queue for each branch, too, but lets go of it before a signer is asked.
      return spec.branch === undefined ? work() : inTurn(`${repo.path}\0${spec.branch}`, signal, work);
    }),
  );
}

async function plain(
  repo: RepoInner,
  spec: CommitSpec,
  options: CommitOptions,
  signal: AbortSignal,
): Promise<CommitResult> {
  return await run({ ...options, signal }, (call) =>
    native().commitCreate(repo.native, spec, options.metadata, options.detachedMetadata, call),
  );
}

/** Signs a commit that was just written. The same one may have been there, signed: of the same second, say. */
export async function signNew(
  repo: Pick<RepoInner, 'native'>,
  commit: Checksum,
  signers: readonly Signer[],
  signal: AbortSignal,
): Promise<void> {
  for (const signer of signers) {
    try {
      await signCommit(repo, commit, signer, signal);
    } catch (error) {
      if (!OstreeError.is(error, 'EXISTS')) throw error;
    }
  }
}

/** A commit in a transaction of its own, in which it is signed, too. */
async function signed(
  repo: RepoInner,
  spec: CommitSpec,
  options: CommitOptions,
  signers: readonly Signer[],
  signal: AbortSignal,
): Promise<CommitResult> {
  const step = stepsUnder(signal);
  const { transaction, repo: view } = await step((call) =>
    native().transactionBegin(repo.native, spec.fsync, call),
  );
  try {
    const result = await run({ ...options, signal }, (call) =>
      native().transactionWriteCommit(transaction, spec, options.metadata, options.detachedMetadata, call),
    );
    if (!result.changed && !spec.consume) return result;
    if (result.changed)
      await whileHolding(repo, 'a commit', async () => {
        await signNew({ native: view.handle }, result.checksum, signers, signal);
      });
    const stats = await step((call) => native().transactionCommit(transaction, call));
    return { ...result, stats };
  } finally {
    // Of one that was committed, nothing is left to abort. Nobody waits for a signer that was given up.
    const aborted = run({}, (call) => native().transactionAbort(transaction, call)).catch(() => undefined);
    if (!signal.aborted) await aborted;
  }
}
