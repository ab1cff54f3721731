// What the files of lib/ need of a Sysroot, and how they change one.
import type { Call, Changed, NativeDeployment, SysrootHandle } from '../typings/addon.js';
import { type CallOptions, type RunOptions, run } from './call.js';
import type { Deployment, DeploymentSnapshot } from './deployment.js';
import { OstreeError } from './errors.js';
import { checkNotHolding } from './holding.js';
import type { Lifetime } from './lifetime.js';
import type { RepoInner } from './repo-inner.js';
import type { SysrootLocking } from './sysroot-lock.js';

export interface SysrootInner {
  readonly path: string;
  readonly native: SysrootHandle;
  readonly lifetime: Lifetime;
  readonly locking: SysrootLocking;
  /** Of its repository. */
  readonly repo: RepoInner;
  /** Replaces the snapshot. */
  update(deployments: NativeDeployment[]): DeploymentSnapshot;
}

/** Runs one native call that belongs to a change. */
export type ChangeStep = <T, P = never>(
  start: (call: Call) => Promise<T>,
  options?: Omit<RunOptions<P>, 'signal'>,
) => Promise<T>;

/** Several steps under the lock of the sysroot, as one call. */
export function locked<T>(
  sysroot: SysrootInner,
  options: CallOptions,
  body: (step: ChangeStep, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return sysroot.lifetime.sequence(options, (signal) =>
    sysroot.locking.during(signal, () =>
      body((start, stepOptions) => run({ ...stepOptions, signal }, start), signal),
    ),
  );
}

/** The same for what needs the repository for itself, because it prunes. */
export async function changing<T>(
  sysroot: SysrootInner,
  options: CallOptions,
  body: (step: ChangeStep, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  checkNotHolding(sysroot.repo, 'A change of deployments');
  return await locked(sysroot, options, body);
}

/** Takes over what a change resolved to; the result is the deployment it made. */
export function taken(sysroot: SysrootInner, changed: Changed): Deployment | undefined {
  if (changed.warning !== undefined) {
    process.emitWarning(`The sysroot ${sysroot.path} was changed, but not cleaned up: ${changed.warning}`, {
      code: 'OSTREE_CLEANUP',
    });
  }
  return sysroot.update(changed.deployments).deployments.find(({ id }) => id === changed.id);
}

/** The same where it must have made one. */
export function made(sysroot: SysrootInner, changed: Changed): Deployment {
  const deployment = taken(sysroot, changed);
  if (!deployment)
    throw new OstreeError('FAILED', `The deployment ${changed.id} is not in the list after it was written`);
  return deployment;
}
