// repo.checkout(): the options, checked and put as the addon wants them.
import { resolve } from 'node:path';

import type { CheckoutProgress, CheckoutResult, CheckoutSpec } from '../typings/addon.js';
import type { ProgressOptions } from './call.js';
import {
  type Names,
  checkBoolean,
  checkInteger,
  checkName,
  checkOneOf,
  checkOptions,
  checkRev,
  checkString,
  valueError,
} from './check.js';
import { checkTreePath, skips } from './skip.js';
import { type DevInoCache, devinoHandle } from './devino.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

export type { CheckoutProgress, CheckoutResult };

export interface CheckoutOptions extends ProgressOptions<CheckoutProgress> {
  /**
   * Everything belongs to this user, without extended attributes, and nothing is setuid or setgid. Always so in a
   * bare-user-only repository.
   */
  userMode?: boolean | undefined;
  /**
   * - `none`: the destination must not be there yet (the default)
   * - `union-files`: what is there stays, but files of the commit replace files there
   * - `add-files`: what is there stays
   * - `union-identical`: what is there stays, and must be the same where the commit has a file; needs `requireHardlinks`
   *
   * A directory that is there keeps its mode, owner, attributes and time.
   */
  overwrite?: 'none' | 'union-files' | 'add-files' | 'union-identical' | undefined;
  /**
   * Update a checkout in place: the commit that the destination is a checkout of, made with the same options. What the
   * two commits have in common is not touched, and what neither of them has stays. Elsewhere, what was changed in the
   * destination is lost. A file takes the place of a directory only when that is empty otherwise: EXISTS.
   *
   * Not with `overwrite` or whiteouts. A part of the destination that is missing altogether is checked out anew.
   */
  from?: Rev | undefined;
  /**
   * A directory of the commit whose content becomes the destination's; or a file, which goes into the destination.
   * Symbolic links on the way are followed inside the tree.
   */
  subpath?: string | undefined;
  /** Fail rather than copy. Empty files are copied all the same, and so are links in user modes. */
  requireHardlinks?: boolean | undefined;
  /** Copy (or clone, where the file system can) rather than hardlink. Directories then keep the time they were made. */
  forceCopy?: boolean | undefined;
  /** Copy empty files, which libostree always does. */
  forceCopyZeroSized?: boolean | undefined;
  /** Of the modes of directories, only what is within 0775; always so in a bare-user-only repository. */
  bareUserOnlyDirs?: boolean | undefined;
  /** A file `.wh.NAME` removes NAME from the destination, as in the layers of container images. */
  whiteouts?: boolean | undefined;
  /** A file `.ostree-wh.NAME` becomes a device 0:0 called NAME, which overlayfs takes for a whiteout. */
  passthroughWhiteouts?: boolean | undefined;
  /** Do nothing where the commit has no `subpath`. */
  allowNoent?: boolean | undefined;
  /**
   * What to leave out: paths below the destination, which begin with `/`, and globs with `*`, `?` and `**`; one without a
   * leading `/` matches at any depth. As with the command, a path that the commit does not have is no error.
   */
  skip?: readonly (string | { glob: string })[] | undefined;
  /** Remembers the files that are made hard links to objects, for a commit of the destination. */
  devinoCache?: DevInoCache | undefined;
  /**
   * Labels files by the SELinux policy of the system with this root directory, as `ostree checkout --selinux-policy`. Implies
   * `forceCopy`, excludes `requireHardlinks`. Directories and links get labels where the kernel knows SELinux; without
   * it, only files do, and until libostree 2024.3 those of the commit are left out. `userMode` sets no labels of files.
   * NOT_FOUND where there is no policy that is switched on.
   */
  selinuxPolicy?: string | undefined;
  /**
   * An absolute path in front of all paths that the policy is asked for: that at which the destination will be. Unless given:
   * `subpath`, or the root.
   */
  selinuxPrefix?: string | undefined;
  /** Without effect: archives' files are never kept uncompressed in the repository. */
  disableCache?: boolean | undefined;
  /** true: flush every copied file and every directory to disk. Like the command, it does not unless told to. */
  fsync?: boolean | undefined;
  /** How many files to work on at a time. Unless given, and at most: as the machine has processors. */
  concurrency?: number | undefined;
}

const OVERWRITE = ['none', 'union-files', 'add-files', 'union-identical'] as const;
const FLAGS = [
  'userMode',
  'requireHardlinks',
  'forceCopy',
  'bareUserOnlyDirs',
  'whiteouts',
  'passthroughWhiteouts',
  'allowNoent',
  'fsync',
] as const;
/** Taken, but they change nothing. */
const IDLE_FLAGS = ['forceCopyZeroSized', 'disableCache'] as const;

function checkCombinations(options: CheckoutOptions): void {
  const { overwrite, requireHardlinks, forceCopy } = options;
  if (requireHardlinks && forceCopy) throw valueError('options.forceCopy', 'excludes requireHardlinks');
  if (requireHardlinks && options.selinuxPolicy !== undefined)
    throw valueError('options.selinuxPolicy', 'excludes requireHardlinks');
  if (options.selinuxPrefix !== undefined && options.selinuxPolicy === undefined)
    throw valueError('options.selinuxPrefix', 'needs selinuxPolicy');
  if (overwrite === 'union-identical' && !requireHardlinks)
    throw valueError('options.overwrite', "'union-identical' needs requireHardlinks");
  if (options.from === undefined) return;
  for (const name of ['overwrite', 'whiteouts', 'passthroughWhiteouts'] as const)
    if (options[name]) throw valueError('options.from', `excludes ${name}`);
}

const OPTIONS: Names<CheckoutOptions> = {
  signal: true,
  onProgress: true,
  userMode: true,
  overwrite: true,
  from: true,
  subpath: true,
  requireHardlinks: true,
  forceCopy: true,
  forceCopyZeroSized: true,
  bareUserOnlyDirs: true,
  whiteouts: true,
  passthroughWhiteouts: true,
  allowNoent: true,
  skip: true,
  devinoCache: true,
  selinuxPolicy: true,
  selinuxPrefix: true,
  disableCache: true,
  fsync: true,
  concurrency: true,
};

function checkoutSpec(rev: Rev, destination: string, options: CheckoutOptions): CheckoutSpec {
  checkRev(rev);
  checkName(destination, 'destination');
  checkOptions(options, OPTIONS);
  const { from, subpath, concurrency, selinuxPolicy, selinuxPrefix } = options;
  const { overwrite = from === undefined ? undefined : 'union-files' } = options;
  for (const flag of [...FLAGS, ...IDLE_FLAGS])
    if (options[flag] !== undefined) checkBoolean(options[flag], `options.${flag}`);
  if (from !== undefined) checkRev(from, 'options.from');
  if (overwrite !== undefined) checkOneOf(overwrite, 'options.overwrite', OVERWRITE);
  if (subpath !== undefined) checkString(subpath, 'options.subpath');
  if (concurrency !== undefined) checkInteger(concurrency, 'options.concurrency', 1, 1024);
  if (selinuxPolicy !== undefined) checkName(selinuxPolicy, 'options.selinuxPolicy');
  if (selinuxPrefix !== undefined) checkTreePath(selinuxPrefix, 'options.selinuxPrefix');
  checkCombinations(options);
  const { skip, skipGlobs } = skips(options.skip);
  return {
    ...Object.fromEntries(FLAGS.map((flag) => [flag, options[flag]])),
    rev,
    destination: resolve(destination),
    from,
    overwrite,
    subpath,
    concurrency,
    devino: devinoHandle(options.devinoCache),
    selinuxPolicy: selinuxPolicy === undefined ? undefined : resolve(selinuxPolicy),
    selinuxPrefix,
    // The command wants a slash behind directories.
    skip: skip.map((path) => path.replace(/(?<=[^/])\/+$/, '')),
    skipGlobs,
  };
}

export async function checkout(
  repo: RepoInner,
  rev: Rev,
  destination: string,
  options: CheckoutOptions,
): Promise<CheckoutResult> {
  const spec = checkoutSpec(rev, destination, options);
  return await repo.lifetime.run(options, (call) => native().checkoutRun(repo.native, spec, call));
}
