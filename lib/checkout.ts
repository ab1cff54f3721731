// repo.checkout(): the options, checked and put as the addon wants them.
import { resolve } from 'node:path';

import type { CheckoutProgress, CheckoutResult, CheckoutSpec } from '../typings/addon.js';
import { type ProgressOptions, run, type Step, stepsUnder } from './call.js';
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
import { skippedPaths } from './checkout-skip.js';
import { skips } from './skip.js';
import type { SkipPredicate } from './skip-questions.js';
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
   * - `union-identical`: what is there stays, and must be the same where the commit has a file; implies `requireHardlinks`
   *
   * A directory that is there keeps its mode, owner, attributes and time.
   */
  overwrite?: 'none' | 'union-files' | 'add-files' | 'union-identical' | undefined;
  /**
   * Update a checkout in place: the commit that the destination is a checkout of, made with the same options. What the
   * two commits have in common is not touched, and what neither of them has stays. Elsewhere, what was changed in the
   * destination is lost. A file takes the place of a directory only when that is empty otherwise: EXISTS.
   *
   * Not with another `overwrite` than `union-files`, or whiteouts. A part of the destination that is missing altogether is
   * checked out anew.
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
   * What to leave out: paths below the destination, and globs with `*`, `?` and `**`, which without a leading `/` match at
   * any depth. As with the command, a path that the commit does not have is no error.
   *
   * A function says of each path whether to leave it out, and all below it. It is called before the checkout begins, for
   * what is in `from`, too; what it throws, the checkout rejects with.
   */
  skip?: readonly (string | { glob: string })[] | SkipPredicate | undefined;
  /**
   * Remembers the files that are made hard links to objects, for a commit of the destination. true: this Repo does, for
   * commits with `devinoCache: true`.
   */
  devinoCache?: boolean | DevInoCache | undefined;
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

/** Only links to the same object are known to be identical. */
function needsHardlinks({ overwrite, requireHardlinks }: CheckoutOptions): boolean {
  return requireHardlinks ?? overwrite === 'union-identical';
}

function checkSelinuxPrefix(value: unknown): void {
  if (value === undefined) return;
  checkName(value, 'options.selinuxPrefix');
  if (!value.startsWith('/'))
    throw valueError('options.selinuxPrefix', `must begin with '/'. Received '${value}'`);
}

function checkCombinations(options: CheckoutOptions): void {
  const { overwrite, forceCopy } = options;
  const requireHardlinks = needsHardlinks(options);
  if (requireHardlinks && forceCopy) throw valueError('options.forceCopy', 'excludes requireHardlinks');
  if (requireHardlinks && options.selinuxPolicy !== undefined)
    throw valueError('options.selinuxPolicy', 'excludes requireHardlinks');
  if (options.selinuxPrefix !== undefined && options.selinuxPolicy === undefined)
    throw valueError('options.selinuxPrefix', 'needs selinuxPolicy');
  if (overwrite === 'union-identical' && !requireHardlinks)
    throw valueError('options.overwrite', "'union-identical' needs requireHardlinks");
  if (options.from === undefined) return;
  if (overwrite !== undefined && overwrite !== 'union-files')
    throw valueError('options.from', `excludes overwrite: '${overwrite}'`);
  for (const name of ['whiteouts', 'passthroughWhiteouts'] as const)
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

function checkoutSpec(
  repo: RepoInner,
  rev: Rev,
  destination: string,
  options: CheckoutOptions,
): CheckoutSpec {
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
  checkSelinuxPrefix(selinuxPrefix);
  checkCombinations(options);
  const { skip, skipGlobs } = skips(typeof options.skip === 'function' ? [] : options.skip);
  return {
    ...Object.fromEntries(FLAGS.map((flag) => [flag, options[flag]])),
    requireHardlinks: needsHardlinks(options),
    rev,
    destination: resolve(destination),
    from,
    overwrite,
    subpath,
    concurrency,
    devino: devinoHandle(options.devinoCache, repo),
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
  const spec = checkoutSpec(repo, rev, destination, options);
  const { skip, onProgress } = options;
  if (typeof skip !== 'function')
    return await repo.lifetime.run(options, (call) => native().checkoutRun(repo.native, spec, call));
  return await repo.lifetime.sequence(options, async (signal) => {
    const asked = await withSkipped(repo, spec, skip, stepsUnder(signal));
    return await run({ signal, onProgress }, (call) => native().checkoutRun(repo.native, asked, call));
  });
}

/** The checkout of the commits that the predicate was asked of. */
async function withSkipped(
  repo: RepoInner,
  spec: CheckoutSpec,
  predicate: SkipPredicate,
  step: Step,
): Promise<CheckoutSpec> {
  const resolved = (rev: Rev) => step((call) => native().refResolve(repo.native, rev, false, call));
  const rev = await resolved(spec.rev);
  const from = spec.from === undefined ? undefined : await resolved(spec.from);
  const skipped = [];
  for (const commit of from === undefined ? [rev] : [rev, from])
    skipped.push(await skippedPaths(repo, { rev: commit, subpath: spec.subpath || '/' }, predicate, step));
  return { ...spec, rev, from, skip: skipped.flat() };
}
