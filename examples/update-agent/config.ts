// /etc/update-agent.json. Every setting has a default, so that {} is a whole configuration.
import { readFile } from 'node:fs/promises';

import { inWindow } from './policy.js';

export interface Config {
  /** Seconds between two checks. SIGHUP makes one at once. */
  interval: number;
  /** When the machine may reboot into what is staged, such as `["02:00-04:30"]`; none: at any time. */
  rebootWindows: string[];
  /** While this file is there it does not reboot by itself, whatever the time. */
  holdFile: string;
  /** What says whether a new operating system is healthy, by its exit code. Without one, that this agent runs is enough. */
  healthCommand: string[];
  /** Seconds for it to become healthy. It is asked every two seconds. */
  healthTimeout: number;
  /** How many times a new operating system may boot without being found healthy. */
  maxBoots: number;
  rebootCommand: string[];
  /** Seconds that a server may be silent. */
  stallTimeout: number;
  /** Where it remembers what is on trial: in /var. */
  stateDirectory: string;
  /** Where it says what it does: in /run. */
  runtimeDirectory: string;
}

const DEFAULTS: Config = {
  interval: 3600,
  rebootWindows: [],
  holdFile: '/run/update-agent/hold',
  healthCommand: [],
  healthTimeout: 120,
  maxBoots: 2,
  rebootCommand: ['systemctl', 'reboot'],
  stallTimeout: 60,
  stateDirectory: '/var/lib/update-agent',
  runtimeDirectory: '/run/update-agent',
};

/** Of the kind that the default is, and named where it is not. */
export function configOf(text: string, path: string): Config {
  const given = JSON.parse(text) as Record<string, unknown>;
  const config: Record<string, unknown> = { ...DEFAULTS };
  for (const [key, value] of Object.entries(given)) {
    const like = config[key];
    const right = Array.isArray(like)
      ? Array.isArray(value) && value.every((item) => typeof item === 'string')
      : typeof value === typeof like && !(typeof value === 'number' && !(value > 0));
    if (like === undefined || !right) throw new Error(`${path}: ${key} cannot be ${JSON.stringify(value)}`);
    config[key] = value;
  }
  const checked = { ...DEFAULTS, ...config };
  inWindow(checked.rebootWindows, new Date());
  return checked;
}

export async function readConfig(path: string): Promise<Config> {
  return configOf(await readFile(path, 'utf8'), path);
}
