// The deployments of a sysroot as plain values: one frozen snapshot, replaced as a whole.
import type { NativeDeployment } from '../typings/addon.js';
import { checkName, typeError } from './check.js';
import type { Checksum } from './types.js';

/** What a deployment was made from, and follows. The keys of other groups than `[origin]` are `group.key`. */
export interface Origin {
  /** What an upgrade follows: `remote:ref`, or a local ref or checksum. */
  readonly refspec?: string;
  readonly [key: string]: string | undefined;
}

/** One bootable tree. Frozen: a later state is another object. */
export interface Deployment {
  /** `stateroot-checksum.serial`. It stays with this deployment and never comes to mean another one. */
  readonly id: string;
  /** Its place in the order of booting; it changes as others come and go. */
  readonly index: number;
  /** The name of the operating system, with which it shares /var. */
  readonly stateroot: string;
  /** The commit it is a checkout of. */
  readonly checksum: Checksum;
  /** Tells deployments of one commit apart. */
  readonly deploySerial: number;
  /** Of its kernel and initramfs; null when it is not known. */
  readonly bootChecksum: string | null;
  /** Tells deployments with one kernel apart; -1 until a staged deployment is finished. */
  readonly bootSerial: number;
  /** What its commit calls its version. */
  readonly version: string | null;
  /** null when it has no origin file. */
  readonly origin: Origin | null;
  /**
   * Without `ostree=`, which libostree sets itself. Of a staged deployment only what it was given: where it was given
   * none, it takes over those of the deployment it follows as it is finished.
   */
  readonly kernelArgs: readonly string[];
  /** Paths below /boot. */
  readonly overlayInitrds: readonly string[];
  /** Whether it runs now. */
  readonly booted: boolean;
  /** Whether it will be finished as the running system shuts down. */
  readonly staged: boolean;
  /** Whether it boots next: what comes before the booted one, or the first of a sysroot that is not booted. */
  readonly pending: boolean;
  /** Whether a rollback would make it the default: the next one of its stateroot behind the booted, or else the pending, one. */
  readonly rollback: boolean;
  /** Whether it stays until it is unpinned. */
  readonly pinned: boolean;
  /** Whether its /usr is writable, and for how long. */
  readonly unlocked: 'none' | 'development' | 'hotfix' | 'transient';
  /** The absolute path of its root directory. */
  readonly path: string;
}

/** The deployments of a sysroot at one moment. */
export interface DeploymentSnapshot {
  readonly booted: Deployment | null;
  readonly staged: Deployment | null;
  readonly pending: Deployment | null;
  readonly rollback: Deployment | null;
  /** What boots next comes first. */
  readonly deployments: readonly Deployment[];
}

function freeze(native: NativeDeployment): Deployment {
  return Object.freeze({
    ...native,
    unlocked: native.unlocked as Deployment['unlocked'],
    origin: native.origin && Object.freeze(native.origin),
    kernelArgs: Object.freeze(native.kernelArgs),
    overlayInitrds: Object.freeze(native.overlayInitrds),
  });
}

export function snapshotOf(list: NativeDeployment[]): DeploymentSnapshot {
  const deployments = Object.freeze(list.map(freeze));
  const which = (role: 'booted' | 'staged' | 'pending' | 'rollback') =>
    deployments.find((deployment) => deployment[role]) ?? null;
  return Object.freeze({
    booted: which('booted'),
    staged: which('staged'),
    pending: which('pending'),
    rollback: which('rollback'),
    deployments,
  });
}

/** The id of what a method takes for a deployment. */
export function idOf(deployment: Deployment | string, name = 'deployment'): string {
  if (typeof deployment === 'object' && deployment !== null && 'id' in deployment) deployment = deployment.id;
  if (typeof deployment !== 'string') throw typeError(name, 'a deployment or its id', deployment);
  checkName(deployment, name);
  return deployment;
}
