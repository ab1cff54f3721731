// fsck: whether a repository holds what its commits need, unharmed.
import type { FsckOptions as FsckFlags, FsckReport as NativeReport } from '../typings/addon.js';
import { type ProgressOptions, run } from './call.js';
import {
  type Names,
  checkBoolean,
  checkFunction,
  checkName,
  checkOptions,
  checkRemoteName,
} from './check.js';
import type { ObjectName } from './errors.js';
import { checkUrl } from './fetch.js';
import { isFetchable, repair } from './fsck-repair.js';
import { checkNotHolding } from './holding.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

export interface FsckProgress {
  /** Objects checked so far. */
  objects: number;
  /** Objects known of so far; it grows while directories are still being read. */
  total: number;
  /** Bytes hashed so far; of files, uncompressed. */
  bytes: number;
}

export interface FsckOptions extends ProgressOptions<FsckProgress> {
  /**
   * Is told of each finding once, soon after it is made: of those that have come together, about ten times a second.
   * The report has them all, with the commits and paths, which are looked for at the end.
   */
  onFinding?: ((finding: FsckFound) => void) | undefined;
  /** Check that each commit is bound to the refs that name it. */
  verifyBindings?: boolean | undefined;
  /** Check that the refs a commit is bound to name it; implies `verifyBindings`. */
  verifyBackRefs?: boolean | undefined;
  /** Delete corrupt objects, and mark the commits that needed them as partial. Needs the repository for itself. */
  delete?: boolean | undefined;
  /** Mark commits that lack objects as partial, which `ostree fsck` always does. */
  markPartial?: boolean | undefined;
  /**
   * Delete each commit whose parent is not here, leave a tombstone in its place, and have later deletions leave one too
   * (`core.tombstone-commits`): what `ostree fsck --add-tombstones` does. Refs to such a commit are left without it.
   */
  addTombstones?: boolean | undefined;
  /**
   * A remote, or a file: URL, from which objects that are missing or corrupt are fetched again, those alone, and
   * verified as any pull from it: a commit whose signature does not count there stays as it is. Meanwhile their commits
   * are marked as partial, and a corrupt object is set aside; one that the remote does not have is put back, so that
   * nothing is lost, and its finding says why (`notRepaired`). Other options then apply to what is left. It takes the
   * repository for itself twice, but not while it fetches.
   */
  repair?: string | undefined;
}

/**
 * What is wrong with an object:
 * - `missing`: a commit or ref needs it, and it is not here
 * - `corrupt`: its content is not what its checksum says, or is nothing that such an object can hold
 * - `unreadable`: this process may not read it
 * - `binding`, `back-ref`: a commit and a ref do not agree on each other
 * - `ref`: a ref holds something that is no checksum
 * - `partial`: the commit was never here as a whole, so its objects were not verified
 * - `fsck-partial`: the same, because an earlier fsck missed or deleted some of them
 */
export type FsckFindingKind =
  'missing' | 'corrupt' | 'unreadable' | 'binding' | 'back-ref' | 'ref' | 'partial' | 'fsck-partial';

export interface FsckFinding {
  object: ObjectName;
  kind: FsckFindingKind;
  /** libostree's own words, where it has any. */
  message: string;
  /** The commits that need the object. */
  commits: Checksum[];
  /** Where the object is in them: up to a hundred paths. */
  paths: string[];
  /** The ref, where one is concerned. */
  ref?: string;
  /** Whether the object was deleted. */
  deleted: boolean;
  /** With `repair`: whether the object is sound again. */
  repaired?: boolean;
  /** Why it could not be repaired. */
  notRepaired?: string;
}

/** What is known of a finding when it is made. */
export type FsckFound = Pick<FsckFinding, 'object' | 'kind' | 'message'>;

export interface FsckReport {
  /**
   * `corrupt` is when `ostree fsck` fails; `partial` is ok, but for partial commits, which were not verified. With
   * `repair`, what it is afterwards: `ok` with findings, when all of them were repaired.
   */
  verdict: 'ok' | 'partial' | 'corrupt';
  /** How many objects were checked. */
  objects: number;
  /** How many commits were verified; partial ones are not. */
  commits: number;
  findings: FsckFinding[];
  /** Commits that were marked as partial. */
  markedPartial: Checksum[];
  /** Commits that were replaced by a tombstone. */
  tombstones: Checksum[];
}

const FLAGS = ['verifyBindings', 'verifyBackRefs', 'delete', 'markPartial', 'addTombstones'] as const;

const OPTIONS: Names<FsckOptions> = {
  signal: true,
  onProgress: true,
  onFinding: true,
  verifyBindings: true,
  verifyBackRefs: true,
  delete: true,
  markPartial: true,
  addTombstones: true,
  repair: true,
};

export async function fsck(repo: RepoInner, options: FsckOptions): Promise<FsckReport> {
  checkOptions(options, OPTIONS);
  for (const flag of FLAGS) if (options[flag] !== undefined) checkBoolean(options[flag], `options.${flag}`);
  const { repair: remote } = options;
  if (remote !== undefined) checkSource(remote);
  const { verifyBackRefs = false, verifyBindings = false, markPartial = false } = options;
  const { delete: remove = false, addTombstones: tombstones = false } = options;
  if (remove || tombstones) checkNotHolding(repo, 'An fsck that deletes');
  if (remote !== undefined) checkNotHolding(repo, 'An fsck that repairs');

  const flags = { verifyBindings, verifyBackRefs, markPartial, remove, tombstones };
  const { onProgress, onFinding } = options;
  if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
  if (onFinding !== undefined) checkFunction(onFinding, 'options.onFinding');
  const tell = onFinding && onceEach(onFinding);
  const listen = ({ found, ...progress }: NativeProgress) => {
    tell?.(found);
    onProgress?.(progress);
  };
  const told = onProgress || onFinding ? { onProgress: listen } : {};
  return await repo.lifetime.sequence(options, async (signal) => {
    const check: Check = async (what) => {
      const report = await run({ signal, ...told }, (call) => native().fsckRun(repo.native, what, call));
      tell?.(report.findings as FsckFound[]); // what came after the last progress
      return report;
    };
    const { tried: repaired, last } =
      remote === undefined ? NOT_TRIED : await repairAll(repo, remote, check, flags, signal);
    const { withoutParent, ...found } = last ?? (await check(flags));
    const report = found as Omit<FsckReport, 'tombstones'>;
    for (const finding of report.findings) explain(finding, repaired);
    report.findings.unshift(...repaired.filter((finding) => finding.repaired));
    return { ...report, tombstones: await bury(repo, withoutParent, signal) };
  });
}

type NativeProgress = FsckProgress & { found: FsckFound[] };

function onceEach(onFinding: (finding: FsckFound) => void): (findings: FsckFound[]) => void {
  const told = new Set<string>();
  return (findings) => {
    for (const finding of findings) {
      const { object, kind, message } = finding;
      const key = `${keyOf(finding)} ${message}`; // a commit may be at odds with several refs
      if (told.has(key)) continue;
      told.add(key);
      onFinding({ object, kind, message });
    }
  };
}

function checkSource(remote: unknown): void {
  checkName(remote, 'options.repair');
  if (remote.startsWith('file:')) checkUrl(remote, 'options.repair');
  else checkRemoteName(remote, 'options.repair');
}

type Check = (flags: FsckFlags) => Promise<NativeReport>;

interface Repairs {
  /** What was found that could be fetched again, and what became of it. */
  tried: FsckFinding[];
  /** What is found now, where nothing else is to be done about it. */
  last?: NativeReport | undefined;
}

const NOT_TRIED: Repairs = { tried: [] };

/** What lies below a bad directory shows when that is sound again, so it is gone on with as long as that helps. */
async function repairAll(
  repo: RepoInner,
  remote: string,
  check: Check,
  flags: FsckFlags,
  signal: AbortSignal,
): Promise<Repairs> {
  const mends = flags.markPartial || flags.remove || flags.tombstones;
  const tried = new Map<string, FsckFinding>();
  for (;;) {
    const last = await check({ ...flags, markPartial: false, remove: false, tombstones: false });
    const { findings } = last as Pick<FsckReport, 'findings'>;
    const fresh = findings.filter((finding) => isFetchable(finding) && !tried.has(keyOf(finding)));
    if (fresh.length === 0) return { tried: [...tried.values()], last: mends ? undefined : last };
    await repair(repo, remote, fresh, signal);
    for (const finding of fresh) tried.set(keyOf(finding), finding);
  }
}

function keyOf({ kind, object }: FsckFound): string {
  return `${kind} ${object.checksum}.${object.type}`;
}

/** What is still found carries why it could not be repaired. */
function explain(finding: FsckFinding, tried: FsckFinding[]): void {
  const same = tried.find((other) => keyOf(other) === keyOf(finding));
  if (!same) return;
  finding.repaired = false;
  if (same.notRepaired !== undefined) finding.notRepaired = same.notRepaired;
}

async function bury(repo: RepoInner, commits: Checksum[], signal: AbortSignal): Promise<Checksum[]> {
  if (commits.length === 0) return [];
  await enableTombstones(repo, signal);
  return await run({ signal }, (call) => native().fsckBury(repo.native, commits, call));
}

/** From now on a commit that is deleted leaves a tombstone. */
export async function enableTombstones(repo: RepoInner, signal: AbortSignal): Promise<void> {
  await run({ signal }, (call) =>
    native().configWrite(repo.native, 'core', 'tombstone-commits', 'true', call),
  );
}
