// What `ostree admin status` shows.
import type { StatusDetails } from '../typings/addon.js';
import type { Deployment, DeploymentSnapshot } from './deployment.js';
import { printed } from './show.js';

/** The deployments of a sysroot at one moment, with what the command adds to print them. */
export class SysrootStatus implements DeploymentSnapshot {
  readonly booted: Deployment | null;
  readonly staged: Deployment | null;
  readonly pending: Deployment | null;
  readonly rollback: Deployment | null;
  readonly deployments: readonly Deployment[];
  readonly #details: readonly StatusDetails[];

  static {
    printed(this, (status) => (#details in status ? status.toString().trimEnd() : undefined));
  }

  /** @internal Use `sysroot.status()`. */
  constructor(snapshot: DeploymentSnapshot, details: readonly StatusDetails[]) {
    this.booted = snapshot.booted;
    this.staged = snapshot.staged;
    this.pending = snapshot.pending;
    this.rollback = snapshot.rollback;
    this.deployments = snapshot.deployments;
    this.#details = details;
    Object.freeze(this);
  }

  /** As `ostree admin status` prints it, and as console.log() does. */
  toString(): string {
    if (this.deployments.length === 0) return 'No deployments.\n';
    return this.deployments
      .map((deployment, i) => this.#heading(deployment) + body(deployment, this.#details[i]))
      .join('');
  }

  /** The deployments, each with its roles; and which has which. */
  toJSON(): DeploymentSnapshot {
    const { booted, staged, pending, rollback, deployments } = this;
    return { booted, staged, pending, rollback, deployments };
  }

  #heading(deployment: Deployment): string {
    const { booted, stateroot, checksum, deploySerial } = deployment;
    return `${booted ? '*' : ' '} ${stateroot} ${checksum}.${deploySerial}${this.#role(deployment)}\n`;
  }

  // The command speaks of pending and rollback on a booted system only.
  #role(deployment: Deployment): string {
    if (deployment.staged) return ' (staged)';
    if (!this.booted) return '';
    if (deployment.pending) return ' (pending)';
    return deployment.rollback ? ' (rollback)' : '';
  }
}

function body(deployment: Deployment, details: StatusDetails | undefined): string {
  const { version, unlocked, pinned, origin } = deployment;
  const lines = [];
  if (version !== null) lines.push(`Version: ${version}`);
  if (unlocked !== 'none') lines.push(`Unlocked: ${unlocked}`);
  if (pinned) lines.push('Pinned: yes');
  if (!origin) lines.push('origin: none');
  else
    lines.push(
      origin.refspec === undefined ? 'origin: <unknown origin type>' : `origin refspec: ${origin.refspec}`,
    );
  if (origin && details?.sourceTitle !== undefined) lines.push(`\`- ${details.sourceTitle}`);
  return lines.map((line) => `    ${line}\n`).join('') + (details?.signatures ?? '');
}
