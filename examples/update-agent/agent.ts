// What the agent does: checks, stages, reboots, and after a boot sees whether to stay.
import { execFile } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { type Deployment, OstreeError, Sysroot } from 'ostree';

import type { Config } from './config.js';
import { atBoot, inWindow, reject, shouldStage } from './policy.js';
import { publishStatus, type Status, Store } from './store.js';

const run = promisify(execFile);
const HEALTH_INTERVAL = 2_000;

function log(message: string): void {
  process.stdout.write(`${message}\n`);
}

function named(deployment: Pick<Deployment, 'version' | 'checksum'>): string {
  return `${deployment.version ?? 'no version'} (${deployment.checksum.slice(0, 12)})`;
}

export class Agent {
  readonly #config: Config;
  readonly #sysroot: Sysroot;
  readonly #booted: Deployment;
  readonly #store: Store;
  readonly #signal: AbortSignal;
  #phase: Status['phase'] = 'idle';
  #checks = 0;
  #failures = 0;
  #lastError: Status['lastError'] = null;

  private constructor(config: Config, sysroot: Sysroot, booted: Deployment, signal: AbortSignal) {
    this.#config = config;
    this.#sysroot = sysroot;
    this.#booted = booted;
    this.#store = new Store(config.stateDirectory);
    this.#signal = signal;
  }

  static async with<T>(config: Config, signal: AbortSignal, body: (agent: Agent) => Promise<T>): Promise<T> {
    for (const dir of [config.stateDirectory, config.runtimeDirectory]) await mkdir(dir, { recursive: true });
    await using sysroot = await Sysroot.open('/', { signal });
    if (!sysroot.booted) throw new Error('this machine was not booted from a deployment');
    return await body(new Agent(config, sysroot, sysroot.booted, signal));
  }

  get failures(): number {
    return this.#failures;
  }

  /** Counts this boot, before much else has been started: what breaks later is counted. */
  async boot(): Promise<void> {
    const trial = await this.#store.trial();
    if (!trial) return;
    const decision = atBoot(trial, this.#booted.checksum, this.#config.maxBoots);
    switch (decision.verdict) {
      case 'try':
        log(`boot ${decision.trial.boots} of ${named(this.#booted)}, on trial`);
        return await this.#store.setTrial(decision.trial);
      case 'give-up':
        return await this.#goBack(`${this.#config.maxBoots} boots without being found healthy`);
      case 'never-came': {
        const { failure } = await this.#sysroot.finalizeState({ signal: this.#signal });
        log(
          `${trial.checksum.slice(0, 12)} was staged but not finished${failure === null ? '' : `: ${failure}`}`,
        );
        return await this.#store.setTrial(undefined);
      }
      case 'fell-back':
        log(`${trial.checksum.slice(0, 12)} ran ${trial.boots} times, and was gone back from`);
        return await this.#rejectTrial(trial.checksum);
      case 'overruled':
        return await this.#store.setTrial(undefined);
    }
  }

  /** One round: sees to the trial if there is one, else asks the server; and reboots when it is time to. */
  async round(): Promise<'rebooting' | 'idle'> {
    if (this.#phase === 'rebooting') {
      await this.#reboot();
      return 'rebooting';
    }
    try {
      const trial = await this.#store.trial();
      if (trial?.checksum === this.#booted.checksum) {
        if (!(await this.#confirm())) return 'rebooting';
      }
      await this.#check();
      this.#failures = 0;
      this.#lastError = null;
    } catch (error) {
      this.#signal.throwIfAborted();
      await this.#failed(error);
    }
    return (await this.#rebootIfAllowed()) ? 'rebooting' : 'idle';
  }

  /** Whether what is on trial is healthy; if it is not, the machine is on its way back. */
  async #confirm(): Promise<boolean> {
    await this.#enter('on trial');
    const deadline = performance.now() + this.#config.healthTimeout * 1_000;
    for (;;) {
      const wrong = await this.#illness();
      if (wrong === undefined) break;
      if (performance.now() > deadline) {
        await this.#goBack(wrong);
        return false;
      }
      await pause(HEALTH_INTERVAL, undefined, { signal: this.#signal });
    }
    await this.#store.setTrial(undefined);
    log(`${named(this.#booted)} is healthy: it stays`);
    return true;
  }

  async #illness(): Promise<string | undefined> {
    const [command, ...args] = this.#config.healthCommand;
    if (command === undefined) return undefined;
    try {
      await run(command, args, { timeout: this.#config.healthTimeout * 1_000, signal: this.#signal });
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      const { message, stderr } = error as Error & { stderr?: string };
      return (stderr || message).trim();
    }
  }

  /** Back to what ran before. First the boot loader is told, then it is written down: a power cut between is no matter. */
  async #goBack(why: string): Promise<void> {
    const trial = await this.#store.trial();
    if (!trial) return;
    const before = this.#sysroot.deployments.find(({ checksum }) => checksum === trial.from);
    log(`${named(this.#booted)} is given up: ${why}`);
    if (before) await this.#sysroot.makeDefault(before, { signal: this.#signal });
    else await this.#sysroot.rollBack({ signal: this.#signal });
    await this.#rejectTrial(trial.checksum);
    await this.#reboot();
  }

  async #rejectTrial(checksum: string): Promise<void> {
    await this.#store.setRejected(reject(await this.#store.rejected(), checksum));
    await this.#store.setTrial(undefined);
  }

  async #check(): Promise<void> {
    const signal = this.#signal;
    await this.#enter('checking');
    this.#checks++;
    await this.#sysroot.reload({ signal });
    const stallTimeout = this.#config.stallTimeout * 1_000;
    const { checksum: latest } = await this.#sysroot.upgrade({ pullOnly: true, stallTimeout, signal });
    const { staged, booted } = {
      staged: this.#sysroot.staged?.checksum ?? null,
      booted: this.#booted.checksum,
    };
    const rejected = await this.#store.rejected();
    if (!shouldStage({ booted, staged, latest, rejected })) return;
    await this.#enter('staging');
    log(`staging ${latest.slice(0, 12)}`);
    // Written first: whatever cuts this off, the next boot knows what it was about.
    await this.#store.setTrial({ checksum: latest, from: booted, boots: 0 });
    const { deployment } = await this.#sysroot.upgrade({ deployOnly: true, stage: true, signal });
    if (!deployment) return;
    // Somebody else may have fetched a later one in between.
    const { checksum } = deployment;
    if (checksum !== latest) await this.#store.setTrial({ checksum, from: booted, boots: 0 });
    log(`staged ${named(deployment)}`);
  }

  async #failed(error: unknown): Promise<void> {
    const { message } = error as Error;
    const code = OstreeError.is(error) ? error.code : 'FAILED';
    this.#failures++;
    this.#lastError = { code, message };
    log(`${this.#phase}: ${code}: ${message}`);
    // Remnants of earlier attempts may be what takes the room.
    if (OstreeError.is(error, 'NO_SPACE')) await this.#sysroot.cleanup().catch(() => {});
  }

  async #rebootIfAllowed(): Promise<boolean> {
    const { staged } = this.#sysroot;
    if (!staged) {
      await this.#enter('idle');
      return false;
    }
    const held = await access(this.#config.holdFile).then(
      () => true,
      () => false,
    );
    if (held || !inWindow(this.#config.rebootWindows, new Date())) {
      await this.#enter('waiting to reboot');
      return false;
    }
    log(`rebooting into ${named(staged)}`);
    await this.#reboot();
    return true;
  }

  async #reboot(): Promise<void> {
    await this.#enter('rebooting');
    const [command = '', ...args] = this.#config.rebootCommand;
    await run(command, args);
  }

  async #enter(phase: Status['phase']): Promise<void> {
    this.#phase = phase;
    const short = ({ version, checksum }: Deployment) => ({ version, checksum });
    const { staged } = this.#sysroot;
    await publishStatus(this.#config.runtimeDirectory, {
      phase,
      booted: short(this.#booted),
      staged: staged && short(staged),
      rejected: await this.#store.rejected(),
      checks: this.#checks,
      failures: this.#failures,
      lastError: this.#lastError,
    });
  }
}
