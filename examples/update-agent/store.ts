// What the agent remembers, and what others may want to know: small files that are replaced as a whole.
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Trial } from './policy.js';

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** After a power cut it is there as it was before or as it is now. */
async function replace(dir: string, name: string, value: unknown): Promise<void> {
  const path = join(dir, name);
  const handle = await open(`${path}.new`, 'w', 0o644);
  try {
    await handle.writeFile(`${JSON.stringify(value)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(dir);
}

async function read(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A directory of the agent's own in /var, which all deployments share. */
export class Store {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** It is there only while something is tried: update-agent-boot.service looks for it. */
  async trial(): Promise<Trial | undefined> {
    return (await read(join(this.#dir, 'trial.json'))) as Trial | undefined;
  }

  async setTrial(trial: Trial | undefined): Promise<void> {
    if (trial) return await replace(this.#dir, 'trial.json', trial);
    await rm(join(this.#dir, 'trial.json'), { force: true });
    await syncDirectory(this.#dir);
  }

  async rejected(): Promise<string[]> {
    return ((await read(join(this.#dir, 'rejected.json'))) ?? []) as string[];
  }

  async setRejected(rejected: string[]): Promise<void> {
    await replace(this.#dir, 'rejected.json', rejected);
  }
}

export interface Status {
  /** What the agent is doing. */
  phase: 'idle' | 'checking' | 'staging' | 'waiting to reboot' | 'on trial' | 'rebooting';
  booted: { version: string | null; checksum: string };
  staged: { version: string | null; checksum: string } | null;
  rejected: string[];
  /** Checks since the agent started, and failed ones since the last that went well. */
  checks: number;
  failures: number;
  lastError: { code: string; message: string } | null;
}

/** /run/update-agent/status.json */
export async function publishStatus(dir: string, status: Status): Promise<void> {
  await replace(dir, 'status.json', status);
}
