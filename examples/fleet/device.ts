// A device of the fleet, as a process of its own: it has a sysroot, and does what it is told over the channel to its
// parent. A lost network is nothing to give up for; a full disk is.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { OstreeError, type PullProgress, type PullResult, Sysroot } from 'ostree';

export const BRANCH = 'fleet/os';
const STATEROOT = 'fleet';

export type Order =
  | { do: 'install'; home: string; url: string; tmpfs?: number | undefined }
  /** leave: megabytes that must stay free. */
  | { do: 'update'; leave?: number | undefined }
  | { do: 'inspect' };

/** One try to pull, as far as it came. */
export interface Attempt {
  bytes: number;
  parts: number;
  totalParts: number;
  objects: number;
}

export type Report =
  | { is: 'pulling'; attempt: Attempt; rate: number }
  | { is: 'offline' }
  | { is: 'deploying' }
  | { is: 'up to date'; version: string }
  | { is: 'failed'; code: string; message: string }
  | { is: 'inspected'; inspection: Inspection };

export interface Inspection {
  version: string | null;
  deployments: (string | null)[];
  verdict: string;
  attempts: Attempt[];
}

function say(report: Report): void {
  process.send?.(report);
}

function attemptOf(state: PullProgress | PullResult): Attempt {
  const { bytesTransferred: bytes, deltaParts } = state;
  const objects = 'fetched' in state ? state.fetched - state.metadataFetched : state.contentFetched;
  return { bytes, parts: deltaParts.fetched, totalParts: deltaParts.total, objects };
}

/** What goes away by itself. */
function isPassing(error: unknown): boolean {
  return OstreeError.is(error, 'TIMED_OUT') || OstreeError.is(error, 'NETWORK');
}

class Device {
  readonly #sysroot: Sysroot;
  readonly #attempts: Attempt[] = [];

  constructor(sysroot: Sysroot) {
    this.#sysroot = sysroot;
  }

  static async install(home: string, url: string, tmpfs: number | undefined): Promise<Device> {
    await mkdir(home);
    // Nobody else sees it: the process has a mount namespace of its own.
    if (tmpfs !== undefined)
      await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${tmpfs}`, 'tmpfs', home]);
    const sysroot = await Sysroot.init(home);
    await sysroot.initStateroot(STATEROOT);
    // A real fleet has the publisher's key.
    await sysroot.repo.remotes.add('origin', url, { gpgVerify: false });
    return new Device(sysroot);
  }

  /** Pulls until it has all of it. */
  async #pull(): Promise<void> {
    for (;;) {
      let attempt: Attempt = { bytes: 0, parts: 0, totalParts: 0, objects: 0 };
      try {
        const result = await this.#sysroot.repo.pull('origin', {
          refs: [BRANCH],
          stallTimeout: 1_000,
          networkRetries: 0,
          onProgress: (progress) => {
            attempt = attemptOf(progress);
            say({ is: 'pulling', attempt, rate: progress.rate });
          },
        });
        this.#attempts.push(attemptOf(result));
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        // What came is kept: the next attempt goes on from there.
        if (attempt.bytes > 0) this.#attempts.push(attempt);
        say({ is: 'offline' });
        await sleep(300);
      }
    }
  }

  async update(leave: number | undefined): Promise<void> {
    if (leave !== undefined) await this.#sysroot.repo.config.set('core.min-free-space-size', `${leave}MB`);
    await this.#pull();
    say({ is: 'deploying' });
    const { version } = await this.#sysroot.deploy(`origin:${BRANCH}`, { stateroot: STATEROOT });
    say({ is: 'up to date', version: version ?? '?' });
  }

  async close(): Promise<void> {
    await this.#sysroot.close({ cancel: true });
  }

  async inspect(): Promise<Inspection> {
    const { repo } = this.#sysroot;
    const { version } = await repo.readCommit(`origin:${BRANCH}`);
    const { verdict } = await repo.fsck();
    const deployments = this.#sysroot.deployments.map((deployment) => deployment.version);
    return { version, deployments, verdict, attempts: this.#attempts };
  }
}

let device: Device | undefined;

async function obey(order: Order): Promise<void> {
  if (order.do === 'install') device = await Device.install(order.home, order.url, order.tmpfs);
  else if (order.do === 'inspect' && device)
    return say({ is: 'inspected', inspection: await device.inspect() });
  await device?.update(order.do === 'update' ? order.leave : undefined);
}

process.on('disconnect', () => void (device?.close() ?? Promise.resolve()).finally(() => process.exit()));
process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => {
    const code = OstreeError.is(error) ? error.code : 'FAILED';
    say({ is: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  });
});
