// fsck's repair: bad objects are fetched again from a remote, each only where it is bad.
import type { FsckAside } from '../typings/addon.js';
import { type Step, stepsUnder } from './call.js';
import type { ObjectName } from './errors.js';
import type { FsckFinding } from './fsck.js';
import { native } from './native.js';
import { pull } from './pull.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

/** What can be fetched again: objects by name, and commits of which an earlier fsck deleted objects. */
interface Damage {
  objects: ObjectName[];
  commits: Checksum[];
}

const FETCHABLE = ['missing', 'corrupt'];

export function isFetchable(finding: FsckFinding): boolean {
  return FETCHABLE.includes(finding.kind) || finding.kind === 'fsck-partial';
}

function damageOf(findings: FsckFinding[]): Damage {
  const objects = findings.filter(({ kind }) => FETCHABLE.includes(kind)).map(({ object }) => object);
  return { objects, commits: [...new Set(findings.flatMap((finding) => finding.commits))] };
}

async function missing(repo: RepoInner, objects: ObjectName[], step: Step): Promise<ObjectName[]> {
  const there = await Promise.all(
    objects.map((name) => step((call) => native().objectHas(repo.native, name, call))),
  );
  return objects.filter((_, i) => !there[i]);
}

/** One pull of a commit. It brings what the commit lacks, or nothing and the reason. */
async function tryPull(
  repo: RepoInner,
  remote: string,
  commit: Checksum,
  subdir: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const subdirs = subdir === undefined ? undefined : [subdir];
    await pull(repo, remote, { refs: [commit], subdirs, deltas: 'off', signal });
    return undefined;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    return error instanceof Error ? error.message : String(error);
  }
}

/** Fetches what the commits lack. The result says of each object that did not come why it did not. */
async function fetchAll(
  repo: RepoInner,
  remote: string,
  findings: FsckFinding[],
  signal: AbortSignal,
): Promise<Map<FsckFinding, string>> {
  const step = stepsUnder(signal);
  const { objects, commits } = damageOf(findings);
  const lost = new Set(findings.filter(({ kind }) => kind === 'fsck-partial').flatMap((f) => f.commits));
  const failures = new Map<Checksum, string>();
  for (const commit of commits) {
    // Objects that several commits need come with the first of them.
    if (!lost.has(commit) && (await missing(repo, objects, step)).length === 0) continue;
    const failure = await tryPull(repo, remote, commit, undefined, signal);
    if (failure !== undefined) failures.set(commit, failure);
  }

  const reasons = new Map<FsckFinding, string>();
  for (const finding of findings) {
    const failure = finding.commits.map((commit) => failures.get(commit)).find((text) => text !== undefined);
    if (failure === undefined) continue;
    reasons.set(finding, failure);
    // A pull brings all that a commit lacks, or nothing: one object that the remote has not would keep back the others.
    if (!FETCHABLE.includes(finding.kind)) continue;
    const [commit] = finding.commits;
    const [path] = finding.paths;
    if (commit === undefined || path === undefined) continue;
    if ((await missing(repo, [finding.object], step)).length === 0) continue;
    const again = await tryPull(repo, remote, commit, path, signal);
    if (again !== undefined) reasons.set(finding, again);
  }
  return reasons;
}

/** Puts back what was set aside and did not come. It is done also when the caller does not wait any more. */
async function settle(repo: RepoInner, aside: FsckAside, objects: ObjectName[]): Promise<ObjectName[]> {
  const step = stepsUnder(new AbortController().signal);
  return await step((call) => native().fsckSettle(repo.native, aside, objects, call));
}

/** Tries to repair what was found, and says of each finding whether it was, or why not. */
export async function repair(
  repo: RepoInner,
  remote: string,
  findings: FsckFinding[],
  signal: AbortSignal,
): Promise<void> {
  const step = stepsUnder(signal);
  const { objects, commits } = damageOf(findings);
  const aside = await step((call) => native().fsckSetAside(repo.native, objects, commits, call));
  let repaired: ObjectName[];
  let reasons: Map<FsckFinding, string>;
  try {
    reasons = await fetchAll(repo, remote, findings, signal);
  } finally {
    repaired = await settle(repo, aside, objects);
  }
  for (const finding of findings) {
    const reason = reasons.get(finding);
    finding.repaired =
      finding.kind === 'fsck-partial'
        ? reason === undefined
        : repaired.some(
            ({ type, checksum }) => type === finding.object.type && checksum === finding.object.checksum,
          );
    if (!finding.repaired) finding.notRepaired = reason ?? `${remote} did not bring it`;
  }
}
