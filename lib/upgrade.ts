// Following an origin: to its latest commit, or to another origin.
import type { UpgradeRequest } from '../typings/addon.js';
import type { ProgressOptions } from './call.js';
import {
  type Names,
  checkBoolean,
  checkChecksum,
  checkFunction,
  checkOptions,
  checkRef,
  checkRemoteName,
  checkString,
  valueError,
} from './check.js';
import { checkStateroot, type DeployProgress } from './deploy.js';
import type { Deployment } from './deployment.js';
import type { FetchOptions } from './fetch.js';
import { native } from './native.js';
import { pull, type PullOptions, type PullProgress } from './pull.js';
import { changing, made, type SysrootInner } from './sysroot-inner.js';
import type { Checksum } from './types.js';

/** How far the pull is; and then what deploying does. */
export type UpgradeProgress = { phase: 'pull'; pull: PullProgress } | DeployProgress;

export interface UpgradeOptions extends ProgressOptions<UpgradeProgress>, FetchOptions {
  /** The stateroot whose deployment is followed up; that of the booted deployment unless given. */
  stateroot?: string | undefined;
  /** Finish the new deployment as the running system shuts down. */
  stage?: boolean | undefined;
  /** Milliseconds without a byte from the server until TIMED_OUT, 100 at least. libostree itself waits for ever. */
  stallTimeout?: number | undefined;
  /** Take a commit that is older than the deployed one, too. A switch does unless this is false. */
  allowDowngrade?: boolean | undefined;
  /** Take this commit instead of the latest one. */
  overrideCommit?: Checksum | undefined;
  /** Only fetch what is new; the result says whether there is any. */
  pullOnly?: boolean | undefined;
  /** Ask no server: deploy what an earlier call fetched. */
  deployOnly?: boolean | undefined;
}

export type SwitchOptions = UpgradeOptions;

/** What an upgrade found, and did. */
export interface UpgradeResult {
  /** Whether the origin has another commit than the one deployed. */
  readonly changed: boolean;
  /** The commit that the origin has now. */
  readonly checksum: Checksum;
  /** What that commit calls its version. */
  readonly version: string | null;
  /** The new deployment; null when nothing changed, and with `pullOnly`. */
  readonly deployment: Deployment | null;
}

/** `remote:ref`; a ref keeps the remote, and `remote:` keeps the ref. */
function checkTarget(value: unknown): asserts value is string {
  checkString(value, 'refspec');
  const colon = value.indexOf(':');
  if (colon >= 0) checkRemoteName(value.slice(0, colon), 'refspec');
  if (colon < 0 || colon < value.length - 1) checkRef(value.slice(colon + 1), 'refspec');
}

function requestOf(options: UpgradeOptions, refspec: string | undefined): UpgradeRequest {
  const { stateroot, overrideCommit, stage = false } = options;
  // Switching, there need be no order of time between old and new.
  const { allowDowngrade = refspec !== undefined } = options;
  const { pullOnly = false, deployOnly = false } = options;
  if (stateroot !== undefined) checkStateroot(stateroot, 'options.stateroot');
  if (overrideCommit !== undefined) checkChecksum(overrideCommit, 'options.overrideCommit');
  for (const [name, value] of Object.entries({ allowDowngrade, stage, pullOnly, deployOnly }))
    checkBoolean(value, `options.${name}`);
  if (options.onProgress !== undefined) checkFunction(options.onProgress, 'options.onProgress');
  if (pullOnly && deployOnly) throw valueError('options.pullOnly', 'cannot be combined with deployOnly');
  return { stateroot, refspec, overrideCommit, allowDowngrade, stage, deploy: !pullOnly };
}

/** How the server is asked: the options that a pull shares. */
function fetching(options: UpgradeOptions): PullOptions {
  const { overrideUrl, httpHeaders, networkRetries, appendUserAgent, stallTimeout, onProgress } = options;
  return {
    ...{ overrideUrl, httpHeaders, networkRetries, appendUserAgent, stallTimeout },
    onProgress: onProgress && ((progress) => onProgress({ phase: 'pull', pull: progress })),
  };
}

/** A ref that is followed from now on must be there, whichever commit of it is taken. */
function refToFollow(
  remote: string,
  refspec: string,
  { overrideCommit }: UpgradeRequest,
): Pick<PullOptions, 'refs' | 'overrideCommits'> {
  const ref = refspec.slice(remote.length + 1);
  return overrideCommit === undefined
    ? { refs: [ref] }
    : { refs: [ref], overrideCommits: { [ref]: overrideCommit } };
}

async function follow(
  sysroot: SysrootInner,
  request: UpgradeRequest,
  options: UpgradeOptions,
): Promise<UpgradeResult> {
  const { deployOnly = false, onProgress } = options;
  const how = fetching(options);
  return await changing(sysroot, options, async (step, signal) => {
    const plan = await step((call) => native().sysrootUpgradePlan(sysroot.native, request, call));
    const { remote, ref, refspec, from } = plan;
    if (remote !== undefined && !deployOnly) {
      const timestampCheckFromRev = request.allowDowngrade ? undefined : from;
      const wanted = request.refspec === undefined ? { refs: [ref] } : refToFollow(remote, refspec, request);
      await pull(sysroot.repo, remote, { ...how, ...wanted, signal, timestampCheckFromRev });
      const rebase = await step((call) => native().sysrootUpgradeRebase(sysroot.native, refspec, call));
      if (rebase !== undefined) await pull(sysroot.repo, remote, { ...how, signal, refs: [rebase] });
    }
    const upgraded = await step((call) => native().sysrootUpgradeDeploy(sysroot.native, request, call), {
      onProgress,
    });
    const { changed, checksum, version, deployed } = upgraded;
    return { changed, checksum, version, deployment: deployed ? made(sysroot, deployed) : null };
  });
}

const OPTIONS: Names<UpgradeOptions> = {
  signal: true,
  onProgress: true,
  overrideUrl: true,
  httpHeaders: true,
  networkRetries: true,
  appendUserAgent: true,
  stateroot: true,
  stage: true,
  stallTimeout: true,
  allowDowngrade: true,
  overrideCommit: true,
  pullOnly: true,
  deployOnly: true,
};

export async function upgrade(sysroot: SysrootInner, options: UpgradeOptions): Promise<UpgradeResult> {
  checkOptions(options, OPTIONS);
  return await follow(sysroot, requestOf(options, undefined), options);
}

export async function switchTo(
  sysroot: SysrootInner,
  refspec: string,
  options: SwitchOptions,
): Promise<UpgradeResult> {
  checkTarget(refspec);
  checkOptions(options, OPTIONS);
  return await follow(sysroot, requestOf(options, refspec), options);
}
