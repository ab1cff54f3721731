// What the agent decides, without doing any of it: from what it remembers, what is booted, and what time it is.

/** An operating system that was staged and has not been found healthy yet. */
export interface Trial {
  /** The commit that is tried. */
  checksum: string;
  /** The commit that ran when it was staged: where to go back to. */
  from: string;
  /** How often it was booted. */
  boots: number;
}

export type BootDecision =
  /** The new one runs: its health is to be seen. `trial` has this boot counted. */
  | { verdict: 'try'; trial: Trial }
  /** It was booted too often without being found healthy. */
  | { verdict: 'give-up'; trial: Trial }
  /** The old one runs, and the new one never did: the machine went down before it was finished. */
  | { verdict: 'never-came' }
  /** The old one runs, though the new one did run: the boot loader, or somebody, went back. */
  | { verdict: 'fell-back'; trial: Trial }
  /** Something else altogether runs, by somebody's will. */
  | { verdict: 'overruled' };

/** What a boot means while there is a trial. */
export function atBoot(trial: Trial, booted: string, maxBoots: number): BootDecision {
  if (booted === trial.checksum) {
    const counted = { ...trial, boots: trial.boots + 1 };
    return { verdict: counted.boots > maxBoots ? 'give-up' : 'try', trial: counted };
  }
  if (booted !== trial.from) return { verdict: 'overruled' };
  return trial.boots === 0 ? { verdict: 'never-came' } : { verdict: 'fell-back', trial };
}

/** What a check of the server found. */
export interface Found {
  booted: string;
  staged: string | null;
  latest: string;
  rejected: readonly string[];
}

/** Whether to stage the latest commit. */
export function shouldStage({ booted, staged, latest, rejected }: Found): boolean {
  return latest !== booted && latest !== staged && !rejected.includes(latest);
}

/** Adds a commit that must not be tried again. Old ones are forgotten: a server does not go back to them. */
export function reject(rejected: readonly string[], checksum: string): string[] {
  return [...rejected.filter((other) => other !== checksum), checksum].slice(-32);
}

const WINDOW = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/;

/** Whether this is a time of day to reboot in: `02:00-04:30`, also across midnight; none means at any time. */
export function inWindow(windows: readonly string[], now: Date): boolean {
  if (windows.length === 0) return true;
  const minute = now.getHours() * 60 + now.getMinutes();
  return windows.some((text) => {
    const [fromHour, fromMinute, toHour, toMinute] = (WINDOW.exec(text)?.slice(1) ?? []).map(Number);
    if (fromHour === undefined || fromMinute === undefined || toHour === undefined || toMinute === undefined)
      throw new Error(`'${text}' is not a reboot window: write it as 02:00-04:30`);
    const from = fromHour * 60 + fromMinute;
    const to = toHour * 60 + toMinute;
    return from <= to ? from <= minute && minute < to : from <= minute || minute < to;
  });
}

/**
 * Milliseconds until the next check: `interval`, and sooner after failures, at first; up to a tenth more by chance, so
 * that many devices do not ask all at once.
 */
export function nextCheck(interval: number, failures: number, chance: number = Math.random()): number {
  const delay = failures === 0 ? interval : Math.min(interval, 1_000 * 2 ** failures);
  return Math.round(delay * (1 + chance / 10));
}
